"""What is written about the service agrees with the service."""

import re
from pathlib import Path

from dustreel.base.settings import Settings, env_name
from dustreel.http.failures import FAILURES
from dustreel.http.openapi import document
from dustreel.jobs.states import FINAL, LIVE, TRANSITIONS, Status

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{env_name(name)}` |")]
        shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert (f"| `{shown}` |" if field.default not in (None, "") else "| empty |") in row
        assert str(field.description) in row


def test_every_error_code_is_documented_with_its_status() -> None:
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for kind, failure in FAILURES.items():
        assert f"| {failure.status} | `{kind.code}` |" in text


def test_every_test_that_holds_a_promise_is_there() -> None:
    named = re.findall(r"`(test_\w+|tests/[\w/.]+)`", (ROOT / "docs" / "reliability.md").read_text("utf-8"))
    tests = "".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("*.py"))
    assert len(named) > 30
    assert [name for name in named if not ((ROOT / name).is_file() if "/" in name else f"def {name}(" in tests)] == []


def test_the_committed_openapi_document_is_fresh() -> None:
    assert (ROOT / "contract" / "openapi.json").read_bytes() == document()


def test_a_route_has_no_sql() -> None:
    for file in (ROOT / "src" / "dustreel" / "http" / "routes").glob("*.py"):
        assert "execute(" not in file.read_text("utf-8"), file.name


def test_the_table_of_states_ends_what_it_begins() -> None:
    assert set(Status) == LIVE | FINAL and not LIVE & FINAL
    for moves in TRANSITIONS.values():
        assert not FINAL & set(moves), "no event leaves a final state"


def test_no_file_outgrows_its_reader() -> None:
    for file in (ROOT / "src").rglob("*.py"):
        lines = len(file.read_text("utf-8").splitlines())
        assert lines <= 400, f"{file.relative_to(ROOT)} has {lines} lines"
