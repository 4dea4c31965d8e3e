#!/usr/bin/env bash
# Checks what infra/terraform makes: format, validate and tests of the configuration and of its
# examples, then checkov. Needs no AWS account.
#
# Where the checkout has a folder shared/terraform beside it, its `check` does the first part offline,
# by the schema of the AWS provider; elsewhere `terraform init` downloads the provider.
# checkov is installed from PyPI once, under ${XDG_CACHE_HOME:-~/.cache}/fettle.
#
# Exit status: 0 all is well, 1 something is wrong, 77 a part could not be done on this machine.

set -euo pipefail

CHECKOV=3.3.30
SKIPPED=77

CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
top="$PWD"
root=infra/terraform
offline="$top/../shared/terraform/check"
status=0

skip() {
  echo "skipped: $1"
  [ "$status" -ne 0 ] || status=$SKIPPED
}

wrong() {
  echo "FAILED: $1" >&2
  status=1
}

# online DIR: the same as the offline check, with the provider from the registry
online() (
  cd "$1"
  export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
  TF_DATA_DIR="$(mktemp -d)"
  export TF_DATA_DIR
  trap 'rm -rf "$TF_DATA_DIR"' EXIT
  terraform fmt -check -recursive -diff
  terraform init -backend=false -input=false -no-color > "$TF_DATA_DIR/init" 2>&1 || {
    cat "$TF_DATA_DIR/init" >&2
    exit 1
  }
  terraform validate -no-color
  if compgen -G 'tests/*.tftest.hcl' > /dev/null; then terraform test -no-color; fi
)

configuration() {
  if [ -x "$offline" ]; then "$offline" "$1"; else online "$1"; fi
}

check_configurations() {
  if ! command -v terraform > /dev/null; then
    skip 'terraform is not installed: format, validate and tests were not run'
    return
  fi
  local dir
  for dir in "$root" "$root"/examples/*/; do
    echo "--- ${dir%/}"
    # A subshell of its own, not in a condition, so that its first failing command ends it.
    set +e
    (
      set -e
      configuration "$dir"
    )
    local result=$?
    set -e
    [ "$result" -eq 0 ] || wrong "${dir%/}"
  done
}

# checkov_program: where checkov is, installed if need be; fails without Python or network
checkov_program() {
  local venv="${XDG_CACHE_HOME:-$HOME/.cache}/fettle/checkov"
  if [ "$("$venv/bin/checkov" --version 2> /dev/null)" != "$CHECKOV" ]; then
    command -v python3 > /dev/null || return 1
    python3 -m venv "$venv" && "$venv/bin/pip" install -q "checkov==$CHECKOV" >&2 || return 1
  fi
  echo "$venv/bin/checkov"
}

check_policies() {
  local checkov
  echo "--- checkov $CHECKOV"
  if ! checkov="$(checkov_program)"; then
    skip "checkov can not be installed: needs python3 and PyPI"
    return
  fi
  "$checkov" --directory "$root" --framework terraform --compact --quiet --skip-download || wrong 'checkov'
}

check_configurations
check_policies
exit "$status"
