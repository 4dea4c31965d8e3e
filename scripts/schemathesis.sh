#!/usr/bin/env bash
# Asks every operation of the API what its description allows and does not allow, by schemathesis: no
# answer may be a 5xx, or of a status, media type or shape that docs/openapi.json does not promise. Once
# with the admin's key, once of things that are there, and once without a key.
#
# Starts `fettle up` on a directory of its own. schemathesis is installed from PyPI once, under
# ${XDG_CACHE_HOME:-~/.cache}/fettle. The same seed asks the same questions.
#
# Exit status: 0 all is well, 1 something is wrong, 77 it could not be done on this machine.

set -euo pipefail

SCHEMATHESIS=4.32.5
SKIPPED=77
SEED=1
EXAMPLES="${EXAMPLES:-10}" # an operation

CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

skip() {
  echo "skipped: $1"
  exit "$SKIPPED"
}

venv="${XDG_CACHE_HOME:-$HOME/.cache}/fettle/schemathesis-$SCHEMATHESIS"
if [ ! -x "$venv/bin/schemathesis" ]; then
  command -v python3 > /dev/null || skip 'python3 is not installed'
  { python3 -m venv "$venv" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS"; } ||
    skip 'schemathesis can not be installed: needs PyPI'
fi

cargo build --workspace --locked --bin fettle
program="${CARGO_TARGET_DIR:-target}/debug/fettle"

data="$(mktemp -d)"
server=''
trap 'if [ -n "$server" ]; then kill "$server"; wait "$server" || true; fi; rm -rf "$data"' EXIT

env -i PATH="$PATH" HOME="$HOME" "$program" up --port 0 --data "$data" > "$data/out" 2> "$data/log" &
server=$!
for _ in $(seq 300); do
  [ ! -s "$data/server.json" ] || break
  kill -0 "$server" 2> /dev/null || { cat "$data/log" >&2; exit 1; }
  sleep 0.1
done
url="$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$data/server.json")"
key="$(cat "$data/admin.key")"

# A model that is deployed, so that there is something to ask.
fettle() { env -i PATH="$PATH" HOME="$HOME" "$program" --url "$url" --key "$key" "$@"; }
{
  fettle datasets push local/samples/penguins.csv
  run="$(fettle train penguins --target species --estimators logistic --folds 3 --seed 1 | head -n 1)"
  fettle runs watch "$run"
  fettle models register penguins --run "$run"
  fettle deploy penguins --model penguins
} > "$data/told" 2>&1 || { cat "$data/told" >&2; exit 1; }
trial="$(fettle --json runs show "$run" | sed 's/.*"trial":"\(trl_[0-9a-f]*\)".*/\1/')"

# The description with what there is as the only values of the paths' parameters, and nothing that
# takes it away.
python3 - docs/openapi.json "$run" "$trial" > "$data/filled.json" <<'PYTHON'
import json, sys

description, run, trial = json.load(open(sys.argv[1])), *sys.argv[2:]
there = {"dataset": "penguins", "run": run, "trial": trial, "kind": "confusion_matrix", "model": "penguins",
         "version": "1", "alias": "champion", "deployment": "penguins", "queue": "trial"}
for path in description["paths"].values():
    path.pop("delete", None)
    for operation in path.values():
        for parameter in operation["parameters"]:
            if parameter["in"] == "path" and parameter["name"] in there:
                parameter["schema"] = {"enum": [there[parameter["name"]]]}
json.dump(description, sys.stdout)
PYTHON

# ask DESCRIPTION CHECKS ARGUMENT...: everything of the description
ask() {
  local description="$1" checks="$2"
  shift 2
  # Not where it is run: it keeps examples beside it. Its configuration is these arguments alone.
  (cd "$data" && "$venv/bin/schemathesis" run "$description" --url "$url" \
    --checks "$checks" --max-examples "$EXAMPLES" --seed "$SEED" --generation-deterministic \
    --max-redirects 0 --no-shrink --warnings off --no-color "$@")
}

conforms=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
phases=examples,coverage,fuzzing
status=0
echo "--- with the admin's key"
ask "$PWD/docs/openapi.json" "$conforms,ignored_auth" --phases "$phases" \
  --header "Authorization: Bearer $key" || status=1
echo '--- of what is there'
ask "$data/filled.json" "$conforms" --phases "$phases" --header "Authorization: Bearer $key" || status=1
echo '--- without a key'
ask "$PWD/docs/openapi.json" "$conforms" --phases fuzzing || status=1
if grep -q 'a request has failed\|panicked' "$data/log"; then
  echo 'the log tells of failed requests:' >&2
  grep -m 20 'a request has failed\|panicked' "$data/log" >&2
  status=1
fi
exit "$status"
