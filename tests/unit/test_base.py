"""The ground: words, moments, identifiers, joined reads, settings."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dustreel.base import waiting
from dustreel.base.clock import stamp
from dustreel.base.errors import Misconfigured
from dustreel.base.gather import Gather
from dustreel.base.ids import parse_uuid, user_of
from dustreel.base.settings import read_settings
from dustreel.base.vocabulary import AspectRatio, Duration, Frame, Resolution


@pytest.mark.parametrize(
    ("resolution", "aspect", "width", "height"),
    [
        ("sd_480p", "16:9", 854, 480),
        ("hd_720p", "16:9", 1280, 720),
        ("hd_1080p", "16:9", 1920, 1080),
        ("4k_2160p", "16:9", 3840, 2160),
        ("sd_480p", "4:3", 640, 480),
        ("hd_720p", "4:3", 960, 720),
        ("hd_1080p", "4:3", 1440, 1080),
        ("4k_2160p", "4:3", 2880, 2160),
        ("sd_480p", "9:16", 480, 854),
        ("hd_1080p", "3:4", 1080, 1440),
        ("4k_2160p", "1:1", 2160, 2160),
    ],
)
def test_pixels_are_as_promised(resolution: str, aspect: str, width: int, height: int) -> None:
    assert Frame.of(Resolution(resolution), AspectRatio(aspect)) == Frame(width, height)


def test_lengths_are_as_promised() -> None:
    assert [duration.seconds for duration in Duration] == [5, 10, 15]


@given(st.sampled_from(AspectRatio), st.integers(20, 2000))
def test_a_picture_of_one_of_the_five_shapes_keeps_it(aspect: AspectRatio, scale: int) -> None:
    across, down = aspect.parts
    assert AspectRatio.nearest(across * scale, down * scale) is aspect


@pytest.mark.parametrize(
    ("width", "height", "aspect"), [(3000, 1000, "16:9"), (100, 900, "9:16"), (1100, 1000, "1:1"), (1300, 1000, "4:3")]
)
def test_another_shape_becomes_the_nearest(width: int, height: int, aspect: str) -> None:
    assert AspectRatio.nearest(width, height) == aspect


def test_moments_are_written_in_utc_with_a_z() -> None:
    moment = datetime(2024, 1, 10, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(moment) == "2024-01-10T10:00:00Z"
    assert stamp(datetime(2024, 1, 10, 12, 1, 30, tzinfo=UTC)) == "2024-01-10T12:01:30Z"


@given(st.uuids())
def test_a_uuid_is_read_in_its_canonical_form(value: UUID) -> None:
    assert parse_uuid(str(value)) == parse_uuid(str(value).upper()) == value
    assert parse_uuid(value.hex) is parse_uuid(f"{{{value}}}") is parse_uuid(f"urn:uuid:{value}") is None


def test_a_name_is_the_same_user_everywhere() -> None:
    assert user_of("alice") == user_of("alice") != user_of("bob")
    assert user_of("6f2c0a52-3a4e-4d0e-9a54-3d6a1b0c9f11") == UUID("6f2c0a52-3a4e-4d0e-9a54-3d6a1b0c9f11")


class TestGather:
    async def test_reads_that_come_together_are_read_together(self) -> None:
        batches: list[list[int]] = []

        async def read(keys: Sequence[int]) -> Mapping[int, str]:
            batches.append(sorted(keys))
            await asyncio.sleep(0)
            return {key: str(key) for key in keys if key != 13}

        gather = Gather(read)
        values = await asyncio.gather(*(gather.get(key % 20) for key in range(100)))
        assert values[:20] == [str(key) if key != 13 else None for key in range(20)]
        assert len(batches) <= 4 and sum(map(len, batches)) <= 40

    async def test_everybody_hears_of_a_failure_and_the_next_read_works(self) -> None:
        broken = True

        async def read(keys: Sequence[int]) -> Mapping[int, int]:
            if broken:
                raise ConnectionError("away")
            return {key: key for key in keys}

        gather = Gather(read)
        answers = await asyncio.gather(*(gather.get(key) for key in range(5)), return_exceptions=True)
        assert all(isinstance(answer, ConnectionError) for answer in answers)
        broken = False
        assert await gather.get(3) == 3

    async def test_a_caller_that_gives_up_takes_nothing_from_the_others(self) -> None:
        go = asyncio.Event()

        async def read(keys: Sequence[int]) -> Mapping[int, int]:
            await go.wait()
            return {key: key for key in keys}

        gather = Gather(read)
        impatient, patient = asyncio.ensure_future(gather.get(1)), asyncio.ensure_future(gather.get(1))
        await asyncio.sleep(0)
        impatient.cancel()
        go.set()
        assert await patient == 1


class TestBackground:
    async def test_a_loop_that_breaks_or_ends_is_begun_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(waiting, "BROKEN_PAUSE_SECONDS", 0.01)
        begun = 0

        async def run(stopping: asyncio.Event) -> None:
            nonlocal begun
            begun += 1
            if begun == 1:
                raise LookupError("a loop's bad day")
            if begun > 2:
                await stopping.wait()

        with capture_logs() as logged:
            async with waiting.in_background(run, "test"):
                async with asyncio.timeout(5.0):
                    while begun < 3:
                        await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
        assert begun == 3
        assert [line["loop"] for line in logged if line["event"] == "a background loop broke"] == ["test"]

    async def test_one_that_does_not_hear_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(waiting, "STOP_SECONDS", 0.05)
        async with asyncio.timeout(5.0), waiting.in_background(lambda stopping: asyncio.sleep(3_600), "test"):
            await asyncio.sleep(0)

    async def test_a_lock_is_one_holders_at_a_time_and_waiting_for_it_can_be_given_up(self, tmp_path: Path) -> None:
        async with waiting.alone(tmp_path / "lock"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), waiting.alone(tmp_path / "lock"):
                    pytest.fail("it was somebody else's")
        async with asyncio.timeout(5.0), waiting.alone(tmp_path / "lock"):
            pass


class TestSettings:
    def test_every_default_works(self) -> None:
        settings = read_settings({})
        assert (settings.base_url, settings.price_text, settings.price_image) == ("http://127.0.0.1:8000", 10, 8)
        assert settings.media_url.endswith("/dustreel-data/media") and settings.heavy_jobs >= 1

    def test_the_environment_wins_over_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("DUSTREEL_PORT=9001\nDUSTREEL_PRICE_TEXT=3\nOTHER=1\n")
        settings = read_settings({"DUSTREEL_PORT": "9002", "PATH": "/bin"}, dotenv=file)
        assert (settings.port, settings.price_text) == (9002, 3)

    def test_an_empty_value_is_an_unset_one(self) -> None:
        assert read_settings({"DUSTREEL_PORT": " "}).port == 8000

    def test_what_our_scripts_read_is_passed_over(self) -> None:
        assert read_settings({"DUSTREEL_PYTHON": "/usr/bin/python3"}) == read_settings({})

    def test_an_ipv6_host_is_bracketed(self) -> None:
        assert read_settings({"DUSTREEL_HOST": "::1"}).base_url == "http://[::1]:8000"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DUSTREEL_PORT", "x"),
            ("DUSTREEL_PORT", "70000"),
            ("DUSTREEL_SUBMIT_LIMIT", "0/minute"),
            ("DUSTREEL_SUBMIT_LIMIT", "5/fortnight"),
            ("DUSTREEL_PUBLIC_URL", "example.com"),
            ("DUSTREEL_FETCH_ALLOW", "localhost"),
            ("DUSTREEL_LOG_LEVEL", "LOUD"),
            ("DUSTREEL_JWT_SECRET", "short"),
            ("DUSTREEL_DEAD_AFTER_SECONDS", "1"),
            ("DUSTREEL_REFUND_CANCELLED", "perhaps"),
        ],
    )
    def test_a_wrong_value_is_told_in_a_sentence_that_names_it(self, name: str, value: str) -> None:
        with pytest.raises(Misconfigured) as told:
            read_settings({name: value})
        assert name in str(told.value) and "\n" not in str(told.value)

    @pytest.mark.parametrize(("said", "meant"), [("DUSTREEL_PROT", "DUSTREEL_PORT"), ("DUSTREEL_HOMME", "DUSTREEL_HOME")])
    def test_an_unknown_name_is_told_with_the_nearest(self, said: str, meant: str) -> None:
        with pytest.raises(Misconfigured, match=f"Did you mean {meant}"):
            read_settings({said: "1"})
