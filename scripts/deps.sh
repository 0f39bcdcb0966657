#!/usr/bin/env bash
# Installs the given Debian packages where one of them is missing; says nothing and takes no time when all are there.
# On a system without dpkg it can't know: it names what is needed and goes on.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
  echo "· not a Debian or Ubuntu: these packages (or what they are called here) must be installed: $*" >&2
  exit 0
fi
missing=()
for package in "$@"; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
  command -v sudo >/dev/null || { echo "✗ needs root: apt-get install ${missing[*]}" >&2; exit 1; }
fi
echo "▸ installing system packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "✗ apt-get could not install them; the lines above say why" >&2
  exit 1
fi
