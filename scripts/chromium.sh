#!/usr/bin/env bash
# Prints the path of a Chromium for the tests; installs one where there is none. Usage: scripts/chromium.sh
# DUSTREEL_CHROMIUM names another. What is said goes to standard error, so that standard output is the path alone.
set -euo pipefail
cd "$(dirname "$0")/.."

find_browser() {
    local candidate
    for candidate in "${DUSTREEL_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
                     "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
        if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then command -v "$candidate"; return; fi
    done
    # Playwright's own, where its download was possible.
    candidate=$(.venv/bin/python - 2>/dev/null <<'PYTHON' || true
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
PYTHON
)
    [ ! -x "$candidate" ] || echo "$candidate"
}

# As root, or as somebody who becomes root without being asked.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

by_debian() {
    command -v apt-get >/dev/null || return 1
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
}

found=$(find_browser)
if [ -z "$found" ]; then
    echo "dustreel: getting a browser for the tests (Chromium) …" >&2
    by_debian >&2 || .venv/bin/python -m playwright install chromium >&2 || true
    found=$(find_browser)
fi
if [ -z "$found" ]; then
    echo "dustreel: no Chromium here, and none can be installed: install one, or name it in DUSTREEL_CHROMIUM." >&2
    exit 1
fi
echo "$found"
