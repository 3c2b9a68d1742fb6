"""`python -m bench.render_speed`: how long the sandbox takes for five seconds of video, as a ratio of its length; medians of three."""

import asyncio
import statistics
import tempfile
import time
from importlib.resources import as_file, files
from pathlib import Path
from uuid import uuid4

from dustreel.base.vocabulary import AspectRatio, GenerationType, Resolution, Seconds
from dustreel.providers import Order
from dustreel.providers.sandbox import SandboxProvider

ROUNDS = 3
PROMPTS = {
    "jazz club": "A cat playing piano in a jazz club",
    "landscape": "A fox in a snowy forest at night",
    "abstract": "The idea of justice",
    "picture": "Slowly zoom in",
}


async def measure() -> None:
    sandbox = SandboxProvider(processes=1)
    await sandbox.warm()
    with tempfile.TemporaryDirectory() as folder, as_file(files("dustreel") / "assets" / "sample.jpg") as sample:
        for resolution in (Resolution.SD_480P, Resolution.HD_720P, Resolution.HD_1080P):
            for what, prompt in PROMPTS.items():
                order = Order(
                    job_id=uuid4(),
                    attempt=1,
                    generation_type=GenerationType.IMAGE_TO_VIDEO if what == "picture" else GenerationType.TEXT_TO_VIDEO,
                    prompt=prompt,
                    seconds=Seconds(5),
                    resolution=resolution,
                    aspect_ratio=AspectRatio.WIDE,
                    camera_fixed=False,
                    picture=sample if what == "picture" else None,
                    reference_person=False,
                    directives=False,
                )
                took = [await _once(sandbox, order, Path(folder) / "video.mp4") for _ in range(ROUNDS)]
                print(f"{resolution} {what}: {statistics.median(took):.2f} s for 5 s of video, ratio {statistics.median(took) / 5:.2f}")
    await sandbox.close()


async def _once(sandbox: SandboxProvider, order: Order, into: Path) -> float:
    async def tell(share: float) -> None:
        assert 0 <= share < 1

    began = time.perf_counter()
    await sandbox.render(order, into, tell)
    return time.perf_counter() - began


if __name__ == "__main__":
    asyncio.run(measure())
