#!/usr/bin/env bash
# Known faults, licences and sources of all dependencies: audit.sh [FOLDER OF A RUSTSEC DATABASE]
# With a folder nothing is fetched; without one cargo-audit fetches the database. Exceptions stand, dated, in .cargo/audit.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
database=${1:-}

for tool in cargo-audit cargo-deny; do
  command -v "$tool" >/dev/null || { echo "▸ installing $tool (takes minutes, once)"; cargo install --quiet --locked "$tool"; }
done

echo "▸ exceptions are dated, and the dates are to come"
today=$(date +%F)
grep -E '^ *"RUSTSEC-' .cargo/audit.toml | while read -r line; do
  until=$(sed -nE 's/.*# until ([0-9]{4}-[0-9]{2}-[0-9]{2})$/\1/p' <<<"$line")
  [ -n "$until" ] || { echo "no date: $line" >&2; exit 1; }
  [[ "$until" > "$today" ]] || { echo "look at this one again: $line" >&2; exit 1; }
done

echo "▸ cargo audit"
if [ -n "$database" ]; then
  [ -d "$database/crates" ] || { echo "$database is no RustSec database (it has no folder crates)" >&2; exit 1; }
  cargo audit --no-fetch --stale --db "$database" --deny warnings
else
  cargo audit --deny warnings
fi
echo "▸ cargo deny: licences, sources, bans"
cargo deny --config .cargo/deny.toml check licenses sources bans
