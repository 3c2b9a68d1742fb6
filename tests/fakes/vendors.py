"""The fakes of all vendors, spoken of alike: for tests that ask the same of each."""

from collections.abc import Mapping
from typing import Any, Protocol

from tests.fakes import fal, openai_videos, replicate
from tests.fakes.films import film
from tests.fakes.openai_videos import Dialect, FakeVideos
from tests.fakes.wire import Asked, Told


class Vendor(Protocol):
    """A vendor, its fake, and what we have to be told to use it."""

    name: str
    counts: bool
    """Whether it knows what it took, and charges for it."""
    lists: bool
    """Whether an order whose answer was lost can be found there."""
    fake: Any
    """Renders for `render_seconds`; its faults go by `kinds`."""
    kinds: Mapping[str, str]
    """What it calls create, look and output."""

    def settings(self, url: str) -> dict[str, str]:
        """With its fake at this address; by the names of our settings' fields."""
        ...

    def tell(self, url: str) -> None:
        """Where our public https address really is."""
        ...

    async def answer(self, asked: Asked) -> Told: ...

    def kind_of(self, asked: Asked) -> str:
        """In its own words."""
        ...

    def taken(self) -> list[str]:
        """The prompts of all orders that it will charge."""
        ...

    def still_running(self) -> list[str]:
        """The prompts of orders that it works on or will."""
        ...


class Replicate:
    name = "replicate"
    counts = lists = True
    kinds: Mapping[str, str] = {"create": "create", "look": "look", "output": "output"}

    def __init__(self) -> None:
        self.fake = replicate.FakeReplicate(film(854, 480, 5, fps=4))

    def tell(self, url: str) -> None:
        self.fake.webhook_base = url

    def settings(self, url: str) -> dict[str, str]:
        return {"providers": self.name, "replicate_api_token": replicate.TOKEN, "replicate_base_url": f"{url}/v1"}

    async def answer(self, asked: Asked) -> Told:
        return await self.fake.answer(asked)

    def kind_of(self, asked: Asked) -> str:
        return str(self.fake.kind_of(asked))

    def taken(self) -> list[str]:
        return [made.input["prompt"] for made in self.fake.predictions.values()]

    def still_running(self) -> list[str]:
        made = self.fake.predictions.values()
        return [one.input["prompt"] for one in made if not one.cancelled and not self.fake.is_over(one)]


class Fal:
    name = "fal"
    counts, lists = True, False
    kinds: Mapping[str, str] = {"create": "submit", "look": "status", "output": "output"}

    def __init__(self) -> None:
        self.fake = fal.FakeFal(film(854, 480, 5, fps=4))

    def tell(self, url: str) -> None:
        self.fake.webhook_base = url

    def settings(self, url: str) -> dict[str, str]:
        return {"providers": self.name, "fal_key": fal.KEY, "fal_queue_url": url, "fal_rest_url": url}

    async def answer(self, asked: Asked) -> Told:
        # Named as the asker named us: a proxy may stand between.
        self.fake.url = f"http://{asked.headers['host']}"
        return await self.fake.answer(asked)

    def kind_of(self, asked: Asked) -> str:
        return str(self.fake.kind_of(asked))

    def taken(self) -> list[str]:
        return [made.input["prompt"] for made in self.fake.requests.values()]

    def still_running(self) -> list[str]:
        return [made.input["prompt"] for made in self.fake.requests.values() if not self.fake.is_over(made)]


class OpenAICompatible:
    name = "openai_compatible"
    counts = lists = True
    kinds: Mapping[str, str] = {"create": "create", "look": "look", "output": "content"}
    models = "Wan-AI/Wan2.2-T2V-A14B-Diffusers,Wan-AI/Wan2.2-I2V-A14B-Diffusers"

    def __init__(self, dialect: Dialect = Dialect.VLLM) -> None:
        self.fake = FakeVideos(film(848, 480, 5), dialect)

    def tell(self, url: str) -> None:
        """It never does."""

    def settings(self, url: str) -> dict[str, str]:
        key = {"openai_api_key": openai_videos.KEY} if self.fake.dialect.checks_the_key else {}
        return {"providers": self.name, "openai_base_url": f"{url}/v1", "openai_models": self.models} | key

    async def answer(self, asked: Asked) -> Told:
        return await self.fake.answer(asked)

    def kind_of(self, asked: Asked) -> str:
        return str(self.fake.kind_of(asked))

    def taken(self) -> list[str]:
        return [made.form["prompt"] for made in self.fake.taken]

    def still_running(self) -> list[str]:
        return [made.form["prompt"] for made in self.fake.videos.values() if not made.aborted and not self.fake.is_over(made)]
