#!/usr/bin/env bash
# Measures what a person waits for and what stays resident, on release binaries: bench.sh FOLDER_OF_THE_BINARIES
# Prints one figure a line; the machine's own noise is in them, so compare runs on one machine only.
set -euo pipefail

bin=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
now() { date +%s%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "machine            $(nproc) cores, $(uname -sr), load $(cut -d' ' -f1 /proc/loadavg)"
for binary in guitai guitai-desktop; do
  printf '%-18s %s MB\n' "size $binary" "$(($(stat -c %s "$bin/$binary") / 1000000))"
done

for _ in 1 2 3 4 5; do
  start=$(now)
  TMPDIR=$work "$bin/guitai" demo --json >/dev/null
  echo $((($(now) - start) / 1000000))
done | median | xargs printf '%-18s %s ms (median of 5)\n' "demo"

# The window says when its page is loaded (GUITAI_LOG); its memory is looked at five seconds later, when nothing moves any more.
export LANG=en_US.UTF-8
for round in 1 2 3; do
  start=$(now)
  GUITAI_LOG=guitai_desktop=info xvfb-run -a -s "-screen 0 1280x800x24" dbus-run-session -- timeout 30 \
    "$bin/guitai-desktop" --data-dir "$work/data$round" 2>"$work/log" </dev/null &
  runner=$!
  until grep -q 'page loaded' "$work/log"; do
    kill -0 "$runner" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.01
  done
  echo "page loaded $((($(now) - start) / 1000000))"
  sleep 5
  window=$(pgrep -f -- "--data-dir $work/data$round" | while read -r pid; do
    [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$(readlink -f "$bin/guitai-desktop")" ] && echo "$pid"
  done | head -n 1)
  total=0
  for pid in $window $(pgrep -P "$window"); do
    total=$((total + $(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0)))
  done
  echo "memory $((total / 1024))"
  kill "$window"
  wait "$runner" || true
done >"$work/window"
awk '$1 == "page" { print $3 }' "$work/window" | median | xargs printf '%-18s %s ms (median of 3; with Xvfb and D-Bus starting)\n' "page loaded"
awk '$1 == "memory" { print $2 }' "$work/window" | median | xargs printf '%-18s %s MB PSS, window and WebKit processes\n' "idle window"
