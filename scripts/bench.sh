#!/usr/bin/env bash
# Measures release binaries, prints what it finds, and makes BENCHMARKS.md of it: bench.sh TARGET_FOLDER [PART…]
# Parts: functions callbacks sandbox orders history window (all of them unless told; a part left out is left out of the page).
# BLESS=1 makes this run's ratios the baseline. GUITAI_ROWS and GUITAI_DELIVERIES: rows of orders and of callbacks.
set -euo pipefail

target=$1
shift
bin=$target/release
parts=${*:-functions callbacks sandbox orders history window}
work=$(mktemp -d "$target/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
# on the disk that is measured, not in memory
work=$(realpath "$work")
export TMPDIR=$work GUITAI_FIGURES=$work/figures
touch "$GUITAI_FIGURES"
now() { date +%s%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
keep() { printf '{"name":"%s","value":%s}\n' "$1" "$2" >>"$GUITAI_FIGURES"; }
quiet() { [ -t 2 ] || echo --quiet; }

processor=$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
GUITAI_MACHINE="$(date -u +%F), $(nproc) cores (${processor:-unknown}), $(uname -s), load $(cut -d' ' -f1 /proc/loadavg) at the start, release builds"
export GUITAI_MACHINE
echo "$GUITAI_MACHINE"

functions() {
  echo "▸ functions, beside openssl"
  openssl speed -seconds 2 rsa2048 2>/dev/null | awk '/^rsa 2048/ { print $(NF - 1), $NF }' >"$work/openssl"
  read -r sign verify <"$work/openssl"
  echo "openssl speed      sign $sign/s, verify $verify/s"
  keep openssl.sign "$sign"
  keep openssl.verify "$verify"
  "$bin/bench-functions"
  cargo test $(quiet) --release -p wechatpay --lib -- --ignored --nocapture the_time_a_diagnosis_takes | grep '^doctor' | tee "$work/doctor"
  keep doctor.median "$(awk '{ print $2 }' "$work/doctor")"
  keep doctor.p99 "$(awk '{ print $5 }' "$work/doctor")"
}

callbacks() {
  echo "▸ callbacks under load"
  "$bin/bench-http" callbacks
}

sandbox() {
  echo "▸ the sandbox under load"
  "$bin/bench-http" sandbox
  # the same beside a signer as processors without these instructions have it: what is not the signature weighs less there
  if grep -q avx512ifma /proc/cpuinfo; then
    echo "▸ the sandbox under load, signing without AVX-512 IFMA"
    OPENSSL_ia32cap=":~0x200000" "$bin/bench-http" sandbox 5 sandbox_plain
  fi
}

million() {
  echo "▸ a million orders at the sandbox (ten minutes)"
  "$bin/bench-http" million
}

orders() {
  echo "▸ orders: lists, sums, chart, writes"
  # shellcheck disable=SC2086 # several numbers
  "$bin/bench-orders" ${GUITAI_ROWS:-}
}

history() {
  echo "▸ callbacks kept: lists, lanes, causes, search (GUITAI_DELIVERIES=1000000 needs 3.6 GB of disk)"
  cargo test $(quiet) --release -p guitai-console --lib -- --ignored --nocapture history_figures | grep -v '^$\|^running\|^test ' | tee "$work/history"
  keep history.rows "${GUITAI_DELIVERIES:-10000}"
  keep history.keep "$(awk '/^keeping one of .*with the history/ { print $(NF - 1) }' "$work/history")"
  keep history.bare "$(awk '/^keeping one of .*without them/ { print $(NF - 1) }' "$work/history")"
  keep history.worst "$(awk '/^worst p99/ { print $3 }' "$work/history")"
}

window() {
  echo "▸ start, memory, size"
  for binary in guitai guitai-desktop; do
    size=$(($(stat -c %s "$bin/$binary") / 1000000))
    printf '%-18s %s MB\n' "size $binary" "$size"
    keep "size.$binary" "$size"
  done
  for _ in 1 2 3 4 5; do
    start=$(now)
    "$bin/guitai" demo --json >/dev/null
    echo $((($(now) - start) / 1000000))
  done | median >"$work/demo"
  printf '%-18s %s ms (median of 5)\n' "demo" "$(<"$work/demo")"
  keep demo "$(<"$work/demo")"
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
    pss() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup" 2>/dev/null || echo 0; }
    total=0
    for pid in $window $(pgrep -P "$window"); do
      total=$((total + $(pss "$pid")))
    done
    echo "own $(($(pss "$window") / 1024))"
    echo "memory $((total / 1024))"
    kill "$window"
    wait "$runner" || true
  done >"$work/window"
  for figure in "page:3:window.loaded:ms from start to page loaded, with Xvfb and D-Bus starting" \
    "own:2:window.own:MB PSS, our own process, idle" "memory:2:window.all:MB PSS, window and WebKit processes, idle"; do
    IFS=: read -r word field name text <<<"$figure"
    value=$(awk -v word="$word" -v field="$field" '$1 == word { print $field }' "$work/window" | median)
    printf '%-18s %s %s (median of 3)\n' "$name" "$value" "$text"
    keep "$name" "$value"
  done
}

for part in $parts; do
  $part
done
"$bin/bench-report" "$GUITAI_FIGURES" tests/bench/baseline.json BENCHMARKS.md
