#!/usr/bin/env bash
# Has LocalStack answer for the tests: the one that runs, or one that it starts.

set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/localstack.sh          returns once LocalStack answers at AWS_ENDPOINT_URL or 127.0.0.1:4566
       scripts/localstack.sh --stop   ends the one that this script started
TEXT
}

CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
url="${AWS_ENDPOINT_URL:-http://127.0.0.1:4566}"
starter=../shared/localstack/start # beside the checkout on some machines, for those that pull no images
mark="${TMPDIR:-/tmp}/fettle-localstack.started"

answers() { curl --fail --silent --show-error --max-time 3 "$url/_localstack/health" > /dev/null 2>&1; }

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  --stop)
    [ -f "$mark" ] || exit 0
    case "$(cat "$mark")" in
      starter) "$starter" --stop ;;
      compose) docker compose rm --stop --force localstack ;;
    esac
    rm -f "$mark"
    exit 0
    ;;
  '') ;;
  *)
    usage >&2
    exit 2
    ;;
esac

if answers; then
  echo "LocalStack answers at $url"
  exit 0
fi
if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
  echo "localstack.sh: nothing answers at $url, which AWS_ENDPOINT_URL names" >&2
  exit 1
fi
if [ -x "$starter" ]; then
  echo starter > "$mark"
  "$starter"
elif docker info > /dev/null 2>&1; then
  echo compose > "$mark"
  docker compose up --detach --wait localstack
else
  echo "localstack.sh: nothing answers at $url, and there is no Docker to start LocalStack with: start Docker, or test with --embedded" >&2
  exit 1
fi
answers || {
  echo "localstack.sh: LocalStack was started, and does not answer at $url" >&2
  exit 1
}
