"""A fake of Cloudflare's API: the purge of a zone's cache, whose calls it counts."""

from tests.fakes.scripted import Scripted
from tests.fakes.wire import Asked, Told

TOKEN, ZONE = "cf-token", "zone1234"
# https://developers.cloudflare.com/cache/how-to/purge-cache/: what every plan has always taken.
URLS_A_CALL = 30


class FakeCloudflare(Scripted):
    purged: list[str]

    def forget(self) -> None:
        super().forget()
        self.purged = []

    def settings(self) -> dict[str, str]:
        return {"cdn_purge": ZONE, "cloudflare_api_token": TOKEN, "cloudflare_api_url": f"{self.url}/client/v4"}

    def kind_of(self, asked: Asked) -> str:
        return "purge" if (asked.method, asked.path) == ("POST", f"/client/v4/zones/{ZONE}/purge_cache") else "other"

    def may(self, kind: str, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def unwelcome(self) -> Told:
        return self.broken(403)

    def do(self, kind: str, asked: Asked) -> Told:
        if kind != "purge":
            return self.broken(404)
        files = asked.json()["files"]
        if not isinstance(files, list) or not 0 < len(files) <= URLS_A_CALL:
            return self.broken(400)
        self.purged += files
        return Told.of({"success": True, "errors": [], "messages": [], "result": {"id": ZONE}})

    def broken(self, status: int) -> Told:
        return Told.of({"success": False, "errors": [{"code": 10_000, "message": "by script"}], "messages": [], "result": None}, status)
