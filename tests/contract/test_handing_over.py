"""What a stopping worker leaves behind is not made again."""

from dataclasses import replace
from pathlib import Path

import pytest

from dustreel.cli.serve import working
from dustreel.providers import Order, Tell
from dustreel.providers.sandbox import SandboxProvider
from tests.conftest import house_with
from tests.fakes.stores import SlowStore


async def test_a_finished_render_whose_check_was_cut_off_is_not_rendered_again(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renders = []
    render = SandboxProvider.render

    async def counted(provider: SandboxProvider, order: Order, into: Path, tell: Tell) -> None:
        renders.append(order.attempt)
        await render(provider, order, into, tell)

    monkeypatch.setattr(SandboxProvider, "render", counted)
    async with house_with(database_url, tmp_path, worker=False) as house, house.user() as alice:
        slow = SlowStore(house.service.store)
        async with working(replace(house.service, store=slow)):
            job = await alice.generate()
            await slow.reached.wait()
        assert (await alice.status(job))["status"] == "processing"
        async with working(house.service):
            result = await alice.until_final(job)
        assert result["success"] and renders == [1]
        assert await alice.dust() == (990, 0, 990)
