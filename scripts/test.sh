#!/usr/bin/env bash
# The one test command. Runs every section, whatever became of those before, and exits with 1 when
# one failed. What this machine lacks (shellcheck, cargo-deny) is skipped, and said.

set -euo pipefail

# name: what it checks; each has a function of its name below
sections='format: rustfmt
secrets: no secret in the history or the working tree
secrets-test: the secret scan finds what it should
shellcheck: the shell scripts
clippy: lints, warnings denied
localstack: what the AWS tests need answers
tests: unit, integration, end-to-end and architecture tests
schemathesis: the API answers only what its description promises
doc-tests: the examples in the documentation
docs: the documentation builds without a warning
terraform: the configuration is valid, and its own tests
licences: licences, banned crates and sources of all dependencies
advisories: known vulnerabilities of all dependencies'

usage() {
  cat <<TEXT
Usage: scripts/test.sh [--only SECTION[,SECTION...]] [--skip SECTION[,SECTION...]] [--embedded]

  --embedded   leave out what needs LocalStack: the AWS adapters and the platform on them

Sections:
$(printf '%s\n' "$sections" | sed 's/^/  /')
TEXT
}

fail_usage() {
  printf 'test.sh: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

SKIPPED=77 # a section's exit status for "this machine cannot do it"

skip() {
  echo "skipped: $1"
  exit "$SKIPPED"
}

section_format() { cargo fmt --all --check; }
section_secrets() { scripts/check-secrets.sh; }
section_secrets_test() { scripts/tests/check-secrets.test.sh; }

section_shellcheck() {
  command -v shellcheck > /dev/null || skip 'shellcheck is not installed'
  local file scripts=()
  while IFS= read -r -d '' file; do
    [ -f "$file" ] || continue
    case "$(head -n 1 "$file" | tr -d '\0')" in
      '#!'*/bash | '#!'*/sh | '#!'*' bash' | '#!'*' sh') scripts+=("$file") ;;
    esac
  done < <(git grep --untracked -I -z -l '^#!')
  [ "${#scripts[@]}" -gt 0 ]
  shellcheck "${scripts[@]}"
  echo "${#scripts[@]} scripts"
}

section_clippy() { cargo clippy --workspace --all-targets --locked -- -D warnings; }

section_localstack() {
  [ "$embedded" = no ] || skip 'told --embedded: the AWS tests are left out'
  scripts/localstack.sh
}

# Everything in one build, the functions' programs too, which the end-to-end tests run: another
# selection of packages would compile the dependencies again with other features.
section_tests() {
  cargo build --workspace --all-targets --locked
  local aws='package(fettle-aws) & kind(test)' ways='binary(e2e) & (test(one_process_on_aws) | test(as_lambda_functions) | test(calls::) | test(faults::) | test(backup::))'
  if cargo nextest --version > /dev/null 2>&1; then
    if [ "$embedded" = yes ]; then
      cargo nextest run --workspace --locked --no-fail-fast -E "not (($aws) | ($ways))"
    else
      cargo nextest run --workspace --locked --no-fail-fast
    fi
  elif [ "$embedded" = yes ]; then
    cargo test --workspace --exclude fettle-aws --locked --no-fail-fast --lib --bins --tests --examples -- \
      --skip one_process_on_aws --skip as_lambda_functions --skip calls:: --skip faults:: --skip from_files_to_aws --skip from_aws_to_files
  else
    cargo test --workspace --locked --no-fail-fast --lib --bins --tests --examples
  fi
}

section_schemathesis() { scripts/schemathesis.sh; }

section_doc_tests() { cargo test --workspace --locked --no-fail-fast --doc; }
section_docs() { RUSTDOCFLAGS="${RUSTDOCFLAGS-} -D warnings" cargo doc --workspace --locked --no-deps; }

section_terraform() { scripts/terraform-test.sh; }

section_licences() {
  cargo deny --version > /dev/null 2>&1 || skip 'cargo-deny is not installed'
  cargo deny --locked check licenses bans sources
}

section_advisories() {
  cargo deny --version > /dev/null 2>&1 || skip 'cargo-deny is not installed'
  # Fetched by itself, so that a missing network is told from a vulnerable dependency.
  local answer
  answer="$(GIT_TERMINAL_PROMPT=0 bounded 60 cargo deny --locked fetch db 2>&1)" ||
    skip "the advisory database cannot be fetched: $(printf '%s\n' "$answer" | grep -v '^ *$' | tail -n 1)"
  cargo deny --locked check --disable-fetch advisories
}

# bounded SECONDS COMMAND...: with a limit where the system has one
bounded() {
  if command -v timeout > /dev/null; then timeout "$@"; else shift && "$@"; fi
}

# --- which sections ------------------------------------------------------------------------------

names="$(printf '%s\n' "$sections" | sed 's/:.*//')"
only="$names" without='' embedded=no

# section_list LIST: the names of a list with commas, one a line
section_list() {
  local name
  for name in ${1//,/ }; do
    grep -qx -- "$name" <<< "$names" || fail_usage "there is no section '$name'"
    echo "$name"
  done
}

while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      usage
      exit 0
      ;;
    --only | --skip)
      [ $# -ge 2 ] || fail_usage "$1 takes the sections"
      list="$(section_list "$2")" || exit 2
      if [ "$1" = --only ]; then only="$list"; else without="$list"; fi
      shift 2
      ;;
    --embedded)
      embedded=yes
      shift
      ;;
    *) fail_usage "unknown argument $1" ;;
  esac
done

# --- run -----------------------------------------------------------------------------------------

CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# What the section localstack started is ended again.
trap 'scripts/localstack.sh --stop' EXIT

passed=0 failed=0 skipped=0 summary=''
started=$SECONDS
for name in $names; do
  grep -qx -- "$name" <<< "$only" || continue
  if grep -qx -- "$name" <<< "$without"; then continue; fi
  printf '\n=== %s ===\n' "$name"
  begin=$SECONDS
  # not in a condition: there a failing command in the middle of a section would go unseen
  set +e
  (
    set -e
    "section_${name//-/_}" < /dev/null
  )
  status=$?
  set -e
  case $status in
    0) result=passed passed=$((passed + 1)) ;;
    "$SKIPPED") result=skipped skipped=$((skipped + 1)) ;;
    *) result=FAILED failed=$((failed + 1)) ;;
  esac
  summary+="$(printf '  %-7s  %-13s %4d s' "$result" "$name" $((SECONDS - begin)))"$'\n'
done

printf '\n=== summary: %d s ===\n%s' $((SECONDS - started)) "$summary"
echo "sections: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
