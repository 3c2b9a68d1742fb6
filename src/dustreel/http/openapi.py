"""`python -m dustreel.http.openapi [--check] FILE`: writes the API's document, or checks that the committed one is fresh."""

import sys
from pathlib import Path

import orjson

from dustreel.http.app import build_api


def document() -> bytes:
    return orjson.dumps(build_api(None).openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    target = Path(next((argument for argument in arguments if argument != "--check"), "contract/openapi.json"))
    if not check:
        target.write_bytes(document())
        return 0
    if target.read_bytes() == document():
        return 0
    print(f"{target} is stale: run `make openapi`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
