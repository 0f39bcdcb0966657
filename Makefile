# run · test · bench · storms · shots · bless: each installs what it lacks, says what it does, then does it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BUILD_PACKAGES := build-essential pkg-config
WINDOW_PACKAGES := $(BUILD_PACKAGES) libwebkit2gtk-4.1-dev libayatana-appindicator3-1
# strace records and breaks the calls of a listener; without it those storms are skipped.
STORM_PACKAGES := $(BUILD_PACKAGES) strace
TEST_PACKAGES := $(WINDOW_PACKAGES) strace xvfb xauth webkit2gtk-driver dbus dbus-x11 fonts-wqy-microhei curl python3-venv openssh-server openssh-client procps
# The languages whose snippets are tried on the sandbox (a Node.js comes by scripts/sdks.sh): half a gigabyte, half a minute.
SNIPPET_PACKAGES := php-cli php-curl golang-go default-jdk-headless

TARGET := $(or $(CARGO_TARGET_DIR),target)
LOCK := ui/package-lock.json
MODULES := ui/node_modules/.package-lock.json
SAY := @echo "▸"
# On a terminal cargo shows how far it is; in a log it only says what went wrong.
QUIET := $(shell [ -t 2 ] || echo --quiet)

# Where scripts/sdks.sh puts the Python that has the SDK.
export GUITAI_SDK_PYTHON := $(CURDIR)/tests/sdks/python/.venv/bin/python

# A screen of its own, a D-Bus session of its own, and an end in any case.
HEADLESS := xvfb-run -a -s "-screen 0 1280x800x24" dbus-run-session -- timeout -k 10

.PHONY: help run demo test fuzz bench storms soak shots pictures bless bindings icons release audit sbom clean
help:
	@echo "make run       builds Guitai and opens its window on a sandbox of its own (no display: runs the demo)"
	@echo "make test      everything that has to hold: Rust, UI, the real window, formatting, lints"
	@echo "make bench     release builds: functions, callbacks and sandbox under load, stores, start and memory; makes BENCHMARKS.md"
	@echo "make storms    kills, power cuts, full disks … on a release build, at the sizes of the goals; figures into storms.txt"
	@echo "make soak      a listener under 20 callbacks a second and hostile traffic for 8 hours (SOAK_MINUTES=10: ten minutes)"
	@echo "make fuzz      readers of strangers' bytes with 10,000,000 inputs each (GUITAI_FUZZ_EXECS); make test reads 20,000"
	@echo "make shots     a picture of each screen, both languages and themes, into shots/"
	@echo "make pictures  the same, and copies those that README shows into pictures/"
	@echo "make bless     rewrites what is generated and committed: bindings, icons"
	@echo "make release   release binaries of the window and the command"
	@echo "make audit     known faults, licences and sources of dependencies (RUSTSEC_DB=FOLDER: without a network)"
	@echo "make sbom      bills of materials (CycloneDX) into sbom/"

run:
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then $(MAKE) window; else \
	  echo "▸ no display here (DISPLAY and WAYLAND_DISPLAY are empty): running the demo instead"; $(MAKE) demo; fi

.PHONY: window
window:
	@scripts/tools.sh cargo node npm
	@scripts/deps.sh $(WINDOW_PACKAGES)
	@$(MAKE) $(MODULES)
	$(SAY) "building the window (the first time takes minutes, later seconds)"
	@cargo build $(QUIET) -p guitai-desktop
	$(SAY) "opening the window; it brings its own sandbox"
	@$(TARGET)/debug/guitai-desktop

demo:
	@scripts/tools.sh cargo
	@scripts/deps.sh $(BUILD_PACKAGES)
	$(SAY) "building the command (the first time takes minutes, later seconds)"
	@cargo build $(QUIET) -p guitai-cli
	$(SAY) "guitai demo: one payment, end to end, over real HTTP on this machine"
	@$(TARGET)/debug/guitai demo

$(MODULES): $(LOCK) ui/package.json
	$(SAY) "installing node packages"
	@npm --prefix ui install --no-audit --no-fund --loglevel=error && touch $@

test:
	@scripts/tools.sh cargo node npm
	@scripts/deps.sh $(TEST_PACKAGES) $(SNIPPET_PACKAGES)
	@$(MAKE) $(MODULES)
	$(SAY) "$(LOCK) is what package.json asks for"
	@git diff --exit-code -- $(LOCK)
	$(SAY) "UI: build"
	@npm --prefix ui run --silent build
	$(SAY) "UI: types"
	@npm --prefix ui run --silent check
	$(SAY) "UI: unit tests"
	@npm --prefix ui run --silent test
	$(SAY) "Mini-program: its pages on a stand-in of wx"
	@node --test --test-reporter=dot ui/miniprogram/test/pages.mjs
	@scripts/sdks.sh
	$(SAY) "Rust: build everything once"
	@cargo build $(QUIET) --workspace --all-targets
	$(SAY) "Rust: unit tests, journeys, house rules, bindings drift"
	@cargo test --quiet --workspace
	$(SAY) "the real window under Xvfb"
	@$(HEADLESS) 900 cargo test --quiet -p guitai-tests --test window -- --test-threads=1 </dev/null
	@if cargo fmt --version >/dev/null 2>&1; then echo "▸ cargo fmt"; cargo fmt --all --check; else echo "· no rustfmt here: formatting not checked"; fi
	@if cargo clippy --version >/dev/null 2>&1; then echo "▸ cargo clippy"; cargo clippy --quiet --workspace --all-targets -- -D warnings; else echo "· no clippy here: lints not checked"; fi
	@if rustdoc --version >/dev/null 2>&1; then echo "▸ cargo doc"; RUSTDOCFLAGS="-D warnings" cargo doc --quiet -p wechatpay --no-deps; else echo "· no rustdoc here: documentation not checked"; fi
	$(SAY) "wechatpay can be published by itself"
	@cargo package --quiet --list --allow-dirty -p wechatpay | grep -qx src/lib.rs
	$(SAY) "all of it passed"

# Each reader of strangers' bytes with GUITAI_FUZZ_EXECS inputs (10,000,000); prints what was read, and the slowest.
fuzz: export GUITAI_FUZZ_EXECS ?= 10000000
fuzz:
	@scripts/tools.sh cargo
	@scripts/deps.sh $(BUILD_PACKAGES)
	$(SAY) "fuzzing, $(GUITAI_FUZZ_EXECS) inputs a reader (tests/fuzz/README.md)"
	@cargo test --quiet --release -p guitai-door -p guitai-console -p guitai-cli --lib --bins fuzz_ -- --nocapture | grep '^{'
	@cargo test --quiet --release -p guitai-tests --test fuzz -- --nocapture | grep '^{'

# BLESS=1 makes this run's ratios the baseline; PARTS="callbacks sandbox" measures only those (see scripts/bench.sh).
bench:
	@scripts/tools.sh cargo node npm
	@scripts/deps.sh $(TEST_PACKAGES) openssl
	@$(MAKE) $(MODULES)
	$(SAY) "release builds"
	@cargo build $(QUIET) --release -p guitai-cli -p guitai-desktop -p guitai-tests --bins
	@scripts/bench.sh $(TARGET) $(PARTS)

# The same tests as in "make test", at the sizes that RELIABILITY.md gives figures for: about half an hour.
storms:
	@scripts/tools.sh cargo
	@scripts/deps.sh $(STORM_PACKAGES)
	$(SAY) "the command as it is released, and the storms"
	@cargo build $(QUIET) --release -p guitai-cli
	@cargo test $(QUIET) -p guitai-tests --test storms --no-run
	$(SAY) "storms"
	@GUITAI_STORM=full GUITAI_BINARY="$(abspath $(TARGET))/release/guitai" \
	  cargo test $(QUIET) -p guitai-tests --test storms -- --nocapture --test-threads=1 | tee storms.log
	@grep -o 'R[0-9]* full: .*' storms.log | sort -V > storms.txt
	$(SAY) "figures for RELIABILITY.md are in storms.txt"

# Hours of what `make test` does for half a minute: is memory flat, are descriptors, threads and files? Figures: soak.json.
SOAK_MINUTES ?= 480
soak:
	@scripts/tools.sh cargo
	@scripts/deps.sh $(BUILD_PACKAGES)
	$(SAY) "the command as it is released, and the soak"
	@cargo build $(QUIET) --release -p guitai-cli
	@cargo test $(QUIET) -p guitai-tests --test soak --no-run
	$(SAY) "$(SOAK_MINUTES) minutes of callbacks, good and bad; the figures go to $(TARGET)/soak.json"
	@SOAK_MINUTES=$(SOAK_MINUTES) GUITAI_BINARY="$(abspath $(TARGET))/release/guitai" \
	  cargo test $(QUIET) -p guitai-tests --test soak -- --nocapture

shots:
	@scripts/tools.sh cargo node npm
	@scripts/deps.sh $(TEST_PACKAGES) imagemagick
	@$(MAKE) $(MODULES)
	$(SAY) "building the window"
	@cargo build $(QUIET) -p guitai-desktop
	$(SAY) "a picture of each screen, both languages and themes, into shots/"
	@$(HEADLESS) 900 env GUITAI_SHOTS="$(CURDIR)/shots" cargo test --quiet -p guitai-tests --test window shots -- --ignored --test-threads=1 </dev/null

pictures: shots
	$(SAY) "the pictures that README shows, from shots/ into pictures/"
	@mkdir -p pictures
	@cp shots/orders-en-light.png shots/orders-zh-light.png pictures/

bindings:
	$(SAY) "ui/src/backend/bindings.ts from the window's commands"
	@UPDATE_BINDINGS=1 SKIP_UI_BUILD=1 cargo test --quiet -p guitai-desktop --lib bindings

icons:
	@scripts/deps.sh imagemagick
	$(SAY) "icons"
	@scripts/icons.sh

bless: bindings icons

release:
	@scripts/tools.sh cargo node npm
	@scripts/deps.sh $(WINDOW_PACKAGES)
	@$(MAKE) $(MODULES)
	$(SAY) "release binaries (the first time takes many minutes)"
	@cargo build $(QUIET) --release -p guitai-cli -p guitai-desktop
	@ls -l $(TARGET)/release/guitai $(TARGET)/release/guitai-desktop

# make audit RUSTSEC_DB=FOLDER works without a network but for npm's part, which is then left out.
audit:
	@scripts/tools.sh cargo
	@scripts/audit.sh $(RUSTSEC_DB)
	@if [ -z "$(RUSTSEC_DB)" ]; then scripts/tools.sh npm && echo "▸ npm audit" && npm --prefix ui audit --omit=dev; fi

# What a release is made of, as CycloneDX: sbom/guitai-cli.json, sbom/guitai-desktop.json, sbom/ui.json.
sbom:
	@scripts/tools.sh cargo npm
	@command -v cargo-cyclonedx >/dev/null || { echo "▸ installing cargo-cyclonedx (takes minutes, once)"; cargo install --quiet --locked cargo-cyclonedx; }
	@mkdir -p sbom
	$(SAY) "bills of materials into sbom/"
	@for package in cli:src-tauri/crates/cli desktop:src-tauri; do \
	  cargo cyclonedx --quiet --format json --manifest-path $${package#*:}/Cargo.toml --override-filename sbom && \
	  mv $${package#*:}/sbom.json sbom/guitai-$${package%%:*}.json; done
	@find src-tauri tests -name sbom.json -delete; sed -i "s|$(CURDIR)|.|g" sbom/*.json
	@npm --prefix ui sbom --omit=dev --sbom-format cyclonedx > sbom/ui.json
	@ls -l sbom

clean:
	cargo clean
	rm -rf ui/node_modules ui/dist shots sbom
