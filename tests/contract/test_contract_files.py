"""The kept examples are the contract's own, and what the service documents has their very shape."""

from typing import Any

import pytest

from dustreel.http import examples
from tests.contract.promises import NAMES, blocks, example

# The contract's block, and the example that openapi.json shows for it.
SHOWN = {
    "generate.answer": examples.ANSWERS["generate"],
    "animate.answer": examples.ANSWERS["animate"],
    "status.answer": examples.ANSWERS["status"],
    "result.completed": examples.ANSWERS["result"],
    "result.failed": examples.ANSWERS["result_failed"],
    "result.processing": examples.ANSWERS["result_under_way"],
    "cancel.answer": examples.ANSWERS["cancel"],
    "active.answer": examples.ANSWERS["active"],
    "delete.answer": examples.ANSWERS["delete_video"],
    "stats.answer": examples.ANSWERS["stats"],
    "generate.request": examples.REQUESTS["generate"],
    "animate.request": examples.REQUESTS["animate"],
    "update.request": examples.REQUESTS["update_video"],
}


def test_the_kept_examples_are_the_contracts_own() -> None:
    assert {block.name: block.value for block in blocks()} == {name: example(name) for name in NAMES}


@pytest.mark.parametrize("name", SHOWN)
def test_documented_examples_have_the_contracts_fields(name: str) -> None:
    assert shape(SHOWN[name]) == shape(example(name))


def shape(value: Any) -> Any:
    """Field names and JSON types, all the way down."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__
