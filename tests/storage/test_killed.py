"""A process that is killed while it stores leaves nothing in a bucket that no row names, once the sweep has been."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from dustreel.base.settings import env_name
from dustreel.cli.inventory import take_inventory
from dustreel.storage import S3Store
from dustreel.worker import chores
from tests.conftest import PATIENCE_SECONDS, eventually, house_with
from tests.contract.promises import links_of
from tests.storage.harness import ACCESS_KEY, BUCKET, SECRET_KEY
from tests.storage.proxy import Fault, StrictProxy


@dataclass
class Served:
    process: subprocess.Popen[str]
    api: httpx.AsyncClient


@asynccontextmanager
async def served(settings: dict[str, str]) -> AsyncIterator[Served]:
    process = subprocess.Popen([sys.executable, "-m", "dustreel", "serve"], env=os.environ | settings, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, said
            said += line
        url, key = re.search(r"running:\s+(\S+)", said), re.search(r"Test key:\s+(\S+)", said)
        assert url is not None and key is not None
        async with httpx.AsyncClient(base_url=url[1], headers={"Authorization": f"Bearer {key[1]}"}, timeout=PATIENCE_SECONDS) as api:
            yield Served(process, api)
    finally:
        process.kill()
        process.communicate()


async def test_a_kill_while_it_stores_leaves_nothing_that_no_row_names(
    database_url: str, tmp_path: Path, proxy: StrictProxy, prefix: str, store: S3Store
) -> None:
    (tmp_path / "welcomed").touch()
    said = {"storage_url": f"s3://{BUCKET}/{prefix}", "aws_endpoint_url": proxy.url}
    said |= {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    settings = {"DUSTREEL_HOME": str(tmp_path), "DUSTREEL_PORT": "0", "DUSTREEL_DATABASE_URL": database_url}
    settings |= {env_name(name): value for name, value in said.items()}
    # The video is there, and the thumbnail, too; but of the thumbnail no word comes back.
    proxy.fail("put", Fault(), Fault(stall=True, done_first=True))
    wish = {"prompt": "A boat [sandbox:instant]", "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
    async with served(settings) as first:
        job_id = (await first.api.post("/videos/generate", json=wish)).json()["job_id"]

        async def stalled() -> bool:
            return "put" in proxy.stalled

        await eventually(stalled, "an object to be on its way")
        first.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(first.process.wait)
    token = first.api.headers["authorization"].removeprefix("Bearer ")
    async with house_with(database_url, tmp_path, worker=True, **said) as second, second.client(token) as api:

        async def completed() -> bool:
            status = (await api.get(f"/videos/jobs/{job_id}/status")).json()["status"]
            assert status != "failed"
            return bool(status == "completed")

        await eventually(completed, "the job to be taken over")
        video = (await api.get(f"/videos/jobs/{job_id}/result")).json()["video"]
        assert (await api.get(video["url"])).content[4:8] == b"ftyp"
        db = second.service.db
        async with db.transaction() as connection:
            await connection.execute("update removals set due_at = now()")
        await chores.remove_objects(store, db)
        found = await take_inventory(store, db, now=datetime.now(UTC) + timedelta(days=2), grace=timedelta(hours=24))
        assert (found.objects, found.strays, found.missing) == (len(links_of(video)), [], [])
