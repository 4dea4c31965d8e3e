#!/bin/sh
# Makes sure that there is a Fernet key, and hands over to the program.
#
# The key is made at the first start, by whichever container is first, and read ever after. A key in
# FETTLE_FERNET_KEY is used only while there is no file: it would be in the container's description,
# and in every process's environment.

set -eu
umask 077

# What SageMaker runs an image with: one model from its file, which needs no key.
if [ "${1-}" = serve ]; then exec fettle "$@"; fi

say() { printf 'docker-entrypoint: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

file="${FETTLE_KEY_FILE:-${FETTLE_DATA:-/data}/.secrets/fernet.key}"
given="${FETTLE_FERNET_KEY-}"
unset FETTLE_FERNET_KEY

# The text of a key ring: Fernet keys (32 bytes in URL-safe base64), one a line.
is_ring() {
  [ -n "$1" ] || return 1
  ! printf '%s\n' "$1" | grep -qvE '^[A-Za-z0-9_-]{43}=$'
}

if [ -n "$given" ]; then
  say "warning: FETTLE_FERNET_KEY is in the environment, where others may see it; remove it once $file is there"
  is_ring "$given" || die "FETTLE_FERNET_KEY is not a Fernet key: 32 bytes in URL-safe base64"
fi

if [ ! -e "$file" ]; then
  folder="$(dirname "$file")"
  mkdir -p "$folder" || die "$folder can not be made: is the volume writable for user $(id -u)?"
  chmod 700 "$folder"
  new="$(mktemp "$folder/.new.XXXXXX")" || die "$folder can not be written to by user $(id -u)"
  trap 'rm -f "$new"' EXIT
  if [ -n "$given" ]; then
    printf '%s\n' "$given" > "$new"
  else
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' > "$new"
  fi
  is_ring "$(cat "$new")" || die "no key could be made"
  sync "$new"
  # A link is made or is there already: of all that start at once one makes the key.
  if ln "$new" "$file" 2> /dev/null; then
    say "made the key $file: keep a copy of it apart from the data, which is lost without it"
  elif [ ! -e "$file" ]; then
    die "$file can not be made"
  fi
  rm -f "$new"
  trap - EXIT
  sync "$folder"
elif [ -n "$given" ] && [ "$given" != "$(cat "$file" 2> /dev/null)" ]; then
  say "warning: $file is there and holds another key: the one in FETTLE_FERNET_KEY is not used"
fi
[ -r "$file" ] || die "$file can not be read by user $(id -u)"
given=''

exec "$@"
