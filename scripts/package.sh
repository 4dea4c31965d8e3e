#!/usr/bin/env bash
# Builds every function package as the program that Lambda runs, and zips it.

set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/package.sh [--arm64|--x86-64] [--out DIR]

  --arm64, --x86-64   the processor of the functions (arm64 unless told)
  --out DIR           where the zips go (dist unless told)

Writes DIR/<package>.zip for each package of functions/, and DIR/packages.json with their sizes and
hashes, which Terraform reads. Needs Rust with the target's standard library, and Python 3, which
brings cargo-lambda and Zig from PyPI. The same sources give the same zips.
TEXT
}

fail() {
  printf 'package.sh: %s\n' "$*" >&2
  exit 1
}

CARGO_LAMBDA=1.9.2
MAX_ZIP_BYTES=$((12 * 1024 * 1024))
# The one that has every estimator, and that nobody waits for.
MAX_TRIAL_ZIP_BYTES=$((13 * 1024 * 1024))
# Amazon Linux 2023 has this C library.
GLIBC=2.34

architecture=arm64 out=dist
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      usage
      exit 0
      ;;
    --arm64) architecture=arm64 ;;
    --x86-64) architecture=x86_64 ;;
    --out)
      [ $# -ge 2 ] || fail '--out takes a folder'
      out="$2"
      shift
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
case "$out" in /*) ;; *) out="$PWD/$out" ;; esac
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

case "$architecture" in
  arm64) target=aarch64-unknown-linux-gnu ;;
  x86_64) target=x86_64-unknown-linux-gnu ;;
esac
libraries="$(rustc --print target-libdir --target "$target" 2> /dev/null || true)"
if [ ! -d "$libraries" ]; then
  rustup target add "$target" || fail "Rust has no standard library for $target: have rustup get it, or use --x86-64"
fi

tools="${XDG_CACHE_HOME:-$HOME/.cache}/fettle/cargo-lambda-$CARGO_LAMBDA"
[ -x "$tools/bin/cargo-lambda" ] || {
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "cargo-lambda==$CARGO_LAMBDA"
}

packages=() selected=()
for folder in functions/*/; do
  packages+=("$(basename "$folder")")
  selected+=(--package "fettle-$(basename "$folder")")
done
build="${CARGO_TARGET_DIR:-target}/lambda-$architecture"
# Without its own optimisations, one of which aborts on panic: the profile in Cargo.toml is the one.
PATH="$tools/bin:$PATH" cargo lambda build --profile lambda --disable-optimizations --locked \
  --target "$target.$GLIBC" --lambda-dir "$build" "${selected[@]}"

mkdir -p "$out"
python3 - "$build" "$out" "$architecture" "$MAX_ZIP_BYTES" "$MAX_TRIAL_ZIP_BYTES" "${packages[@]}" <<'PYTHON'
import base64, hashlib, json, os, sys, zipfile

build, out, architecture, usual, of_trial, *packages = sys.argv[1:]
made = {}
for package in packages:
    with open(os.path.join(build, f"fettle-{package}", "bootstrap"), "rb") as program:
        data = program.read()
    path = os.path.join(out, f"{package}.zip")
    # The time and the mode are always the same, so that the same program gives the same zip.
    entry = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
    entry.external_attr = 0o755 << 16
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, data, compresslevel=9)
    with open(path, "rb") as archive:
        zipped = archive.read()
    limit = of_trial if package == "trial" else usual
    if len(zipped) > int(limit):
        sys.exit(f"package.sh: {package}.zip has {len(zipped)} bytes; the limit is {limit}")
    sha256 = base64.b64encode(hashlib.sha256(zipped).digest()).decode()
    made[package] = {"file": f"{package}.zip", "bytes": len(zipped), "sha256": sha256}
    print(f"{package:<12} {len(data) / 1e6:6.1f} MB  zip {len(zipped) / 1e6:5.2f} MB  {sha256}")
with open(os.path.join(out, "packages.json"), "w") as manifest:
    json.dump({"architecture": architecture, "packages": made}, manifest, indent=2)
    manifest.write("\n")
PYTHON
