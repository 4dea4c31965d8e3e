#!/usr/bin/env bash
# Brings the platform up in Docker, as compose.yml has it, and tries what has to hold there: the
# README's tour, what survives restarts of all kinds, faults, and the profile `embedded`.
#
#   scripts/compose-test.sh            builds the image and runs everything
#   scripts/compose-test.sh --no-build with the image that is there (DOCKER_IMAGE)
#
# Needs Docker with Compose 2.20 or later, and curl. Works beside a platform that is up: the project, its
# ports and its volume are its own, and are removed at the end; the image is kept. The variables of
# .env.example hold, so CARGO_PROFILE=dev builds sooner.

set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

build=--build
case "${1-}" in
  '') ;;
  --no-build) build=--no-build ;;
  *)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac

# --- the project ---------------------------------------------------------------------------------

# free_port: one that nobody listens on
free_port() {
  local port
  while port=$((20000 + RANDOM % 20000)); do
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
  done
  echo "$port"
}

project="fettle-test-$$"
FETTLE_HOST=127.0.0.1
FETTLE_PORT="$(free_port)"
LOCALSTACK_PORT="$(free_port)"
FETTLE_LOG="${FETTLE_LOG:-info}"
export FETTLE_HOST FETTLE_PORT LOCALSTACK_PORT FETTLE_LOG
unset FETTLE_PUBLIC_URL LOCALSTACK_PUBLIC_URL FETTLE_FERNET_KEY COMPOSE_PROFILES COMPOSE_FILE
url="http://127.0.0.1:$FETTLE_PORT"
work="$(mktemp -d)"

compose() { docker compose --project-name "$project" "$@"; }
embedded() { compose --profile embedded "$@"; }

finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ "$status" -ne 0 ]; then
    printf '\n=== the last of the logs ===\n'
    compose --profile '' --profile embedded logs --no-color --tail 40 2> /dev/null | tail -n 200 || true
  fi
  compose --profile '' --profile embedded down --volumes --remove-orphans --timeout 5 > /dev/null 2>&1 || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- checks --------------------------------------------------------------------------------------

passed=0 failed=0 summary=''

# check WHAT COMMAND...: counts whether the command does what it should, and goes on
check() {
  local what="$1" begin=$SECONDS status=0 result=passed
  shift
  printf '\n--- %s\n' "$what"
  # not in a condition: there a failing command in the middle of a function would go unseen
  set +e
  (
    set -e
    "$@"
  ) < /dev/null
  status=$?
  set -e
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
  else
    result=FAILED failed=$((failed + 1))
  fi
  summary+="$(printf '  %-7s %5d s  %s' "$result" $((SECONDS - begin)) "$what")"$'\n'
}

# within SECONDS COMMAND...: until the command succeeds
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || {
      echo "not in time: $*" >&2
      return 1
    }
    sleep 0.5
  done
}

same() { [ "$1" = "$2" ] || { printf 'expected: %s\n   found: %s\n' "$1" "$2" >&2 && return 1; }; }

# api PATH [CURL'S OPTIONS...]: asks the platform with the admin's key
api() {
  local path="$1"
  shift
  curl -fsS -m 60 "$url$path" -H "Authorization: Bearer $(cat "$work/key")" "$@"
}

answers() { api "$@" > /dev/null 2>&1; }
says() { local text="$1" && shift && api "$@" 2> /dev/null | grep -q -- "$text"; }

# --- the tour ------------------------------------------------------------------------------------

# The service that answers.
gateway=api

admin_key() { compose exec -T "$gateway" cat /data/admin.key | tr -d '\r\n'; }
learn_key() { admin_key > "$work/key" && [ -s "$work/key" ]; }

# run_of DATASET: the id of a new run
run_of() {
  api /v1/runs -d "{\"dataset\": \"$1\", \"target\": \"species\"}" | sed 's/.*"id":"\(run_[0-9a-f]*\)".*/\1/'
}

ends_well() { within "$2" says '"status":"succeeded","dataset"' "/v1/runs/$1"; }

row='{"rows": [{"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
  "body_mass_g": 5200, "sex": "male", "year": 2009}]}'

prediction() { api "/v1/deployments/$1/predict" -d "$row" | grep -o '"prediction":"[A-Za-z]*"'; }

# tour NAME: upload, train, register, deploy, predict
tour() {
  local run
  api "/v1/datasets?name=$1" -H 'Content-Type: text/csv' --data-binary @local/samples/penguins.csv > /dev/null
  within 60 says '"status":"ready"' "/v1/datasets/$1"
  run="$(run_of "$1")"
  ends_well "$run" 300
  api /v1/models -d "{\"name\": \"$1\", \"run\": \"$run\"}" > /dev/null
  api /v1/deployments -d "{\"name\": \"$1\", \"model\": \"$1\"}" > /dev/null
  within 30 answers "/v1/deployments/$1/schema"
  same '"prediction":"Gentoo"' "$(prediction "$1")"
}

# upload NAME: by an address of its own, as large files are
upload() {
  local address
  address="$(api /v1/datasets -d "{\"name\": \"$1\"}" | sed 's/.*"url":"\([^"]*\)".*/\1/')"
  curl -fsS -m 60 -X PUT --data-binary @local/samples/penguins.csv -H 'Content-Type:' "$address" > /dev/null
  within 60 says '"status":"ready"' "/v1/datasets/$1"
}

keep_secret() { api /v1/secrets/yesterday -X PUT -d '{"value": "not to be lost"}' > /dev/null; }

# What a restart may not change, in a file.
remember() {
  {
    admin_key
    api /v1/models/tour
    api /v1/deployments/tour
    prediction tour
    api /v1/secrets/yesterday
  } > "$1"
}

# goes_on: everything is as it was before, and goes on
goes_on() {
  within 120 answers /v1/models/tour
  within 60 prediction tour
  remember "$work/now"
  diff "$work/then" "$work/now"
  says '"readable":true' /v1/secrets/yesterday
  ends_well "$(run_of tour)" 300
}

# --- the machine's side --------------------------------------------------------------------------

healthy() {
  local service="$1" wanted="$2" ids found
  ids="$(compose --profile '' --profile embedded ps --quiet "$service")"
  [ -n "$ids" ] || return 1
  # shellcheck disable=SC2086 # one id a word
  found="$(docker inspect --format '{{.State.Health.Status}}' $ids | grep -cx healthy || true)"
  [ "$found" -eq "$wanted" ]
}

all_healthy() {
  local service
  for service in localstack init api worker; do healthy "$service" 1 || return 1; done
}

running() { compose --profile '' --profile embedded ps --services --status running | sort | xargs; }

is_locked_down() {
  local service
  for service in "$@"; do
    same 10001 "$(compose exec -T "$service" id -u)"
    if compose exec -T "$service" sh -c 'echo x > /usr/local/bin/x' 2> /dev/null; then return 1; fi
    compose exec -T "$service" sh -c 'echo x > /tmp/x && rm /tmp/x'
    same '600 700' "$(compose exec -T "$service" stat -c %a /data/.secrets/fernet.key /data/.secrets | xargs)"
    same '' "$(compose exec -T "$service" sh -c "grep '^CapEff' /proc/1/status | tr -d '0\t'" | sed 's/CapEff://')"
  done
}

# tells_no_secret: neither key nor secret is in a log, nor in a container's description
tells_no_secret() {
  local key ids
  key="$(compose --profile embedded run --rm --no-deps -T --entrypoint cat "$1" /data/.secrets/fernet.key)"
  [ "${#key}" -eq 44 ]
  ids="$(compose --profile '' --profile embedded ps --all --quiet)"
  # shellcheck disable=SC2086 # one id a word
  { compose --profile '' --profile embedded logs --no-color && docker inspect $ids; } > "$work/told" 2>&1
  for text in "$key" "$(cat "$work/key")" 'not to be lost'; do
    if grep -qF -- "$text" "$work/told"; then return 1; fi
  done
}

# stops_in SERVICE SECONDS: by a signal that it heeds
stops_in() {
  local begin id
  id="$(compose --profile '' --profile embedded ps --quiet "$1")"
  begin="$(date +%s%N)"
  compose --profile '' --profile embedded stop "$1"
  echo "stopped after $((($(date +%s%N) - begin) / 1000000)) ms"
  [ $((($(date +%s%N) - begin) / 1000000000)) -lt "$2" ]
  same 0 "$(docker inspect --format '{{.State.ExitCode}}' "$id")"
}

# --- what is tried -------------------------------------------------------------------------------

comes_up() { compose up "$build" --detach --wait --wait-timeout 600 && all_healthy; }
comes_back() { compose up --no-build --detach --wait --wait-timeout 300 "$@"; }

restart() { compose restart && within 180 all_healthy && goes_on; }
stop_start() { compose stop && compose start && within 180 all_healthy && goes_on; }
down_up() { compose down && comes_back && goes_on; }
down_up_two_init() { compose down && comes_back --scale init=2 && healthy init 2 && goes_on; }

two_init_once() {
  local one two
  compose run --rm --no-deps -T init fettle init --once &
  one=$!
  compose run --rm --no-deps -T init fettle init --once &
  two=$!
  wait "$one"
  wait "$two"
}

# Rows that nobody learns in a moment.
large_table() {
  awk 'BEGIN {
    srand(7); print "a,b,c,d,e,f,g,h,species"
    for (row = 0; row < 6000; row++) {
      sum = 0; line = ""
      for (column = 0; column < 8; column++) { x = rand(); sum += x * (column % 3); line = line x "," }
      print line (sum + rand() > 4 ? "much" : "little")
    }
  }' > "$work/large.csv"
}

lost_in_a_run() {
  local run
  large_table
  api '/v1/datasets?name=large' -H 'Content-Type: text/csv' --data-binary "@$work/large.csv" > /dev/null
  within 60 says '"status":"ready"' /v1/datasets/large
  run="$(run_of large)"
  within 60 says '"status":"running"' "/v1/runs/$run"
  sleep 2
  compose kill localstack
  sleep 3
  compose start localstack
  within 180 all_healthy
  ends_well "$run" 600
  goes_on
}

scaled() {
  comes_back --scale worker=3
  healthy worker 3
  ends_well "$(run_of tour)" 300
  comes_back --scale worker=1
}

worker_killed_in_a_run() {
  local run
  run="$(run_of large)"
  within 60 says '"status":"running"' "/v1/runs/$run"
  compose kill worker
  compose start worker
  ends_well "$run" 600
}

embedded_up() {
  compose down
  embedded up --no-build --detach --wait --wait-timeout 120
  same embedded "$(running)"
  learn_key
  tour tour
  upload by-address
  keep_secret
  remember "$work/then"
}

embedded_again() {
  embedded restart
  within 60 healthy embedded 1
  goes_on
  embedded down
  embedded up --no-build --detach --wait --wait-timeout 120
  goes_on
}

check 'a clean up with a build: all are healthy' comes_up
if [ "$failed" -eq 0 ]; then
  check 'only what belongs to LocalStack runs' same 'api init localstack worker' "$(running)"
  check 'the first admin key is in the volume' learn_key
  check 'no root, no writable root, no capabilities, keys for their owner alone' is_locked_down init api worker
  check 'the tour of the README' tour tour
  check 'an upload to an address of its own' upload by-address
  check 'a secret is kept' keep_secret
  check 'what there is now' remember "$work/then"
  check 'restart: the tour goes on' restart
  check 'stop and start: the tour goes on' stop_start
  check 'down and up: the tour goes on' down_up
  check 'down and up with two init at once' down_up_two_init
  check 'two init --once beside the keeper' two_init_once
  check '--scale worker=3' scaled
  check 'LocalStack lost in the middle of a run: the run ends well' lost_in_a_run
  check 'a worker killed in the middle of a run: the run ends well' worker_killed_in_a_run
  check 'no key and no secret in logs or descriptions' tells_no_secret init
  check 'SIGTERM stops the gateway in less than 10 s' stops_in api 10
  check 'SIGTERM stops the worker in less than 40 s' stops_in worker 40
  check 'SIGTERM stops the keeper in less than 10 s' stops_in init 10
fi
gateway=embedded
check 'the profile embedded: it alone runs, and the tour' embedded_up
check 'embedded: restart and down/up: the tour goes on' embedded_again
check 'embedded: no root, no writable root, no capabilities' is_locked_down embedded
check 'embedded: no key and no secret in logs or descriptions' tells_no_secret embedded
check 'embedded: SIGTERM stops it in less than 40 s' stops_in embedded 40

printf '\n=== summary: %d s ===\n%s' "$SECONDS" "$summary"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
