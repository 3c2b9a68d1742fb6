"""Secrets in the data folder."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dustreel.base.kept import keep, kept_secret


def test_a_secret_is_made_once_for_all_who_ask_at_once_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(lambda _: kept_secret(file), range(64)))
    assert seen == {kept_secret(file)} and len(seen.pop()) > 40
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_kept_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "token"
    keep(file, "one")
    keep(file, "two")
    assert file.read_text() == "two\n" and file.stat().st_mode & 0o777 == 0o600
