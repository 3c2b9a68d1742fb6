#!/usr/bin/env bash
# Installs the S3 server of the storage tests, OpenStack Swift, into .tools/swift: an environment of its own, kept between runs.
# Usage: scripts/swift.sh PYTHON     (3.12 or newer; wheels only, so no compiler is ever asked for)
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1
stamp=$({ "$python" --version; cat requirements-swift.txt; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1)
if [ "$(cat .tools/swift/.stamp 2>/dev/null)" = "$stamp" ] && .tools/swift/bin/python -c '' 2>/dev/null; then exit 0; fi

rm -rf .tools/swift
mkdir -p .tools
uv=.tools/bin/uv
[ -x "$uv" ] || uv=$(command -v uv || true)
if [ -n "$uv" ]; then
    # As in bootstrap.sh: uv reads neither pip's settings nor the system's certificates unless told.
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true} UV_NO_PROGRESS=1 UV_LINK_MODE=${UV_LINK_MODE:-copy}
    index=$([ -x .tools/bin/python ] && .tools/bin/python -m pip config get global.index-url 2>/dev/null || true)
    if [ -n "${PIP_INDEX_URL:-$index}" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX=${PIP_INDEX_URL:-$index}; fi
    "$uv" venv --quiet --python "$python" .tools/swift
    "$uv" pip install --quiet --python .tools/swift/bin/python --require-hashes --no-deps --only-binary :all: -r requirements-swift.txt
else
    "$python" -m venv .tools/swift
    .tools/swift/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
        -r requirements-swift.txt
fi
echo "$stamp" > .tools/swift/.stamp
