#!/usr/bin/env bash
# Names each of the given tools that is missing or too old, and how to get it.
set -euo pipefail

# at_least HAVE WANT: compares two dotted version numbers.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

bad=0
complain() { echo "✗ $1" >&2; bad=1; }
for tool in "$@"; do
  case $tool in
    cargo)
      if ! command -v cargo >/dev/null; then
        complain "cargo is missing: install Rust 1.95 or newer with rustup (https://rustup.rs), then open a new shell"
      else
        have=$(rustc --version | cut -d' ' -f2)
        at_least "${have%%-*}" 1.95.0 || complain "Rust $have is too old, 1.95 or newer is needed: rustup update stable"
      fi ;;
    node)
      if ! command -v node >/dev/null; then
        complain "node is missing: install Node.js 20 or newer (https://nodejs.org)"
      else
        have=$(node --version | tr -d v)
        at_least "$have" 20.19.0 || complain "Node.js $have is too old, 20.19 or newer is needed (https://nodejs.org)"
      fi ;;
    npm)
      command -v npm >/dev/null || complain "npm is missing: it comes with Node.js (https://nodejs.org)" ;;
    *)
      command -v "$tool" >/dev/null || complain "$tool is missing" ;;
  esac
done
exit $bad
