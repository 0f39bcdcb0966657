#!/usr/bin/env bash
# Installs the published SDKs that tests run against the sandbox, each in its own folder, and a Node.js that takes a proxy from
# the environment where the machine's own does not; takes no time when they are there.
set -euo pipefail
cd "$(dirname "$0")/../tests/sdks"

# The packages of FOLDER as its lock file names them.
packages() {
  [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] && return
  echo "▸ installing $2 for tests"
  npm --prefix "$1" ci --no-audit --no-fund --loglevel=error
}

packages node "the Node SDKs"
[ "$(node -p "process.allowedNodeEnvironmentFlags.has('--use-env-proxy')")" = true ] || packages node24 "Node.js 24"
if ! python/.venv/bin/python -c 'import wechatpayv3' 2>/dev/null; then
  echo "▸ installing the Python SDK for tests"
  python3 -m venv python/.venv
  python/.venv/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt
fi
