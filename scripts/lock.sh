#!/usr/bin/env bash
# Writes the locks: every dependency with its hashes, for every platform, and no registry's address.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.tools/bin/uv
# erlpack is replaced by third_party/erlpack: the real one wants a C++ compiler.
options=(--quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-annotate --no-header
         --no-emit-package erlpack)

"$uv" pip compile "${options[@]}" "$@" --group install pyproject.toml --output-file requirements.txt
"$uv" pip compile "${options[@]}" "$@" --group install --group dev pyproject.toml --output-file requirements-dev.txt --constraints requirements.txt
echo "uv==$("$uv" --version | cut -d' ' -f2)" | "$uv" pip compile "${options[@]}" - --output-file requirements-tools.txt
echo swift | "$uv" pip compile "${options[@]}" "$@" - --output-file requirements-swift.txt
