"""The contract's own examples, read from its text: what front-end teams were promised is the test data."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTRACT = Path(__file__).parents[2] / "contract"

# The contract's blocks in the order in which they stand, by the name of the file that keeps each.
NAMES = [
    "generate.request",
    "generate.answer",
    "animate.request",
    "animate.answer",
    "status.answer",
    "result.completed",
    "result.failed",
    "result.processing",
    "cancel.answer",
    "active.answer",
    "list.answer",
    "video.answer",
    "update.request",
    "update.answer",
    "delete.answer",
    "stats.answer",
]


@dataclass(frozen=True)
class Block:
    name: str
    value: Any


def blocks() -> list[Block]:
    """Every JSON block of the contract, its comments and ellipses taken out."""
    text = (CONTRACT / "video-api-contract.md").read_text("utf-8")
    found = re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)
    assert len(found) == len(NAMES)
    return [Block(name, _read(block)) for name, block in zip(NAMES, found, strict=True)]


def example(name: str) -> Any:
    """The kept file of one block."""
    return json.loads((CONTRACT / "examples" / f"{name}.json").read_text("utf-8"))


def links_of(video: dict[str, Any]) -> list[str]:
    """Every link in a UserVideo, those in its metadata too."""
    return [video["url"], video["thumbnail_url"], *(video["metadata"][name] for name in ("preview_url", "sprite_url", "vtt_url"))]


def _read(block: str) -> Any:
    # `//` begins a comment, except within an address.
    without_comments = re.sub(r"(?<!:)//[^\n]*", "", block).replace("[...]", "[]")
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", without_comments))


if __name__ == "__main__":
    for block in blocks():
        (CONTRACT / "examples" / f"{block.name}.json").write_text(json.dumps(block.value, indent=2) + "\n", "utf-8")
