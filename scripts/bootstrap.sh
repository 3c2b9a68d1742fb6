#!/usr/bin/env bash
# Makes this folder able to run: a Python that is new enough, and every locked dependency in .venv.
# Usage: scripts/bootstrap.sh [dev]     ("dev" adds what tests need)
# Running it again costs a few milliseconds when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-run}
lock=requirements.txt
[ "$what" = dev ] && lock=requirements-dev.txt

say() { printf 'dustreel: %s\n' "$*"; }
fail() { printf 'dustreel: %s\n' "$*" >&2; exit 1; }

sum_of() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1; }

# A stamp names what was installed. The larger set serves for the smaller one too.
stamp_of() { sum_of "$1" requirements-tools.txt pyproject.toml third_party/erlpack/erlpack/__init__.py scripts/bootstrap.sh; }
is_installed() { [ -x .venv/bin/dustreel ] && [ "$(cat ".venv/.stamp-$1" 2>/dev/null)" = "$(stamp_of "$2")" ] && .venv/bin/python -c '' 2>/dev/null; }
is_done() { is_installed dev requirements-dev.txt || { [ "$what" = run ] && is_installed run requirements.txt; }; }

if is_done; then exit 0; fi

[ -w . ] || fail "This folder can't be written to, and the first start installs into it: copy it to where you may write."

# ── A Python that is new enough ─────────────────────────────────────────────────────────────────────────────────────────
# Tried by running it: pyenv's shims are on PATH also for versions that aren't switched on, and then only print an error.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in "${DUSTREEL_PYTHON:-}" python3.13 python3.12 python3.14 python3 python \
                     "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3; do
        if [ -n "$candidate" ] && new_enough "$candidate"; then command -v "$candidate"; return; fi
    done
}

python=$(find_python)
any_python=${python:-$(command -v python3 || true)}
[ -n "$any_python" ] || fail "Dustreel needs Python 3.12 or newer, and there is no Python at all on this machine."

# ── One at a time ───────────────────────────────────────────────────────────────────────────────────────────────────────
# The lock ends with whoever holds it, however that dies. It is on our descriptor, so it stays when the Python that took it ends; macOS has
# no flock command. Where the file system has no locks, nobody waits.
trap 'exit 130' INT TERM
mkdir -p .bootstrap.lock
exec 9>> .bootstrap.lock/held
is_somebody_elses() {
    local code=0
    "$any_python" -c '
import fcntl, sys
try: fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError: sys.exit(75)
except OSError: pass' || code=$?
    [ $code -eq 75 ]
}
if is_somebody_elses; then
    say "another start is installing here; waiting for it …"
    while is_somebody_elses; do sleep 0.3; done
    if is_done; then exit 0; fi
fi

# ── The installer ───────────────────────────────────────────────────────────────────────────────────────────────────────
if ! [ -x .tools/bin/uv ] || [ "$(cat .tools/.stamp 2>/dev/null)" != "$(sum_of requirements-tools.txt)" ]; then
    say "getting the installer (uv) …"
    rm -rf .tools
    "$any_python" -m venv .tools >/dev/null 2>&1 \
        || fail "$any_python can't make virtual environments; on Debian and Ubuntu: apt-get install python3-venv."
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt 2> .bootstrap.lock/said \
        || { cat .bootstrap.lock/said >&2; fail "The installer can't be fetched: is a package registry within reach?"; }
    sum_of requirements-tools.txt > .tools/.stamp
fi
uv=$PWD/.tools/bin/uv
# uv reads neither pip's settings nor the system's certificates unless told.
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true} UV_NO_PROGRESS=1 UV_LINK_MODE=${UV_LINK_MODE:-copy}
index=$(.tools/bin/python -m pip config get global.index-url 2>/dev/null || true)
if [ -n "${PIP_INDEX_URL:-$index}" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX=${PIP_INDEX_URL:-$index}; fi

if [ -z "$python" ]; then
    say "no Python 3.12 or newer here; asking uv for one …"
    "$uv" python install --quiet 3.12 2>/dev/null && python=$("$uv" python find --managed-python 3.12 2>/dev/null) || true
    [ -n "$python" ] || fail "Dustreel needs Python 3.12 or newer; $("$any_python" --version) is the newest here."
fi

# ── The environment ─────────────────────────────────────────────────────────────────────────────────────────────────────
if ! [ -x .venv/bin/python ] || ! new_enough .venv/bin/python; then
    say "making .venv with $("$python" --version) …"
    rm -rf .venv
    "$uv" venv --quiet --python "$python" .venv
fi
rm -f .venv/.stamp-run .venv/.stamp-dev

say "installing $(grep -c '==' "$lock") locked packages …"
if ! "$uv" pip install --quiet --python .venv/bin/python --require-hashes --no-deps --compile-bytecode -r "$lock"; then
    say "uv could not; trying pip …"
    "$uv" pip install --quiet --python .venv/bin/python pip 2>/dev/null || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --require-hashes --no-deps -r "$lock" \
        || fail "The packages can't be installed: is a package registry within reach?"
fi
# Both from this folder, built with what has just been installed: nothing more is fetched.
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation ./third_party/erlpack
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
stamp_of "$lock" > ".venv/.stamp-$what"
say "installed."
