#!/usr/bin/env bash
# Installs the published SDKs that tests run against the sandbox, each in its own folder; takes no time when they are there.
set -euo pipefail
cd "$(dirname "$0")/../tests/sdks"

if [ ! -d node/node_modules/wechatpay-axios-plugin ]; then
  echo "▸ installing the Node SDK for tests"
  npm --prefix node install --no-audit --no-fund --loglevel=error
fi
if ! python/.venv/bin/python -c 'import wechatpayv3' 2>/dev/null; then
  echo "▸ installing the Python SDK for tests"
  python3 -m venv python/.venv
  python/.venv/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt
fi
