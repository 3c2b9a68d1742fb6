"""The real Cog as a vendor: what is asked of it passes through the harness, and its webhooks come from itself."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.fakes.cog_server import Cog
from tests.fakes.scripted import Fault
from tests.fakes.wire import Asked, Told


class RealCog:
    name = "cog"
    counts = lists = False
    """A container of one's own: an order that was asked again after its end is made again, and costs nobody anything."""
    kinds: Mapping[str, str] = {}
    fault = Fault

    def __init__(self, cog: Cog) -> None:
        self._cog, self._told_to = cog, ""
        self.fake: Any = None

    def settings(self, url: str) -> dict[str, str]:
        return {"providers": self.name, "cog_url": url, "cog_callback_url": self._told_to}

    def tell(self, url: str) -> None:
        self._told_to = url

    def kind_of(self, asked: Asked) -> str:
        if asked.method == "PUT":
            return "create"
        return "cancel" if asked.path.endswith("/cancel") else "look"

    async def answer(self, asked: Asked) -> Told:
        headers = {name: value for name, value in asked.headers.items() if name in ("content-type", "prefer")}
        try:
            answer = await self._cog.raw.request(asked.method, asked.path, content=asked.body, headers=headers)
        except httpx.TransportError:
            return Told(502)
        return Told(answer.status_code, answer.content, {"content-type": "application/json"})

    def taken(self) -> list[str]:
        return []

    def still_running(self) -> list[str]:
        return []
