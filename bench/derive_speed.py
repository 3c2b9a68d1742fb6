"""`python -m bench.derive_speed [FFMPEG]`: all that is made of a 15 s 1080p video, against the ffmpeg command line doing the same.

Both decode every frame and stop at an error. Ours goes the product's way, through the warm process that a worker keeps, and hashes the
file as well; ffmpeg makes its four files in one command, with the encoder's settings that we use. Its thumbnail is as small as the
preview (to choose among large ones it would hold them all), its loop does not close, and it makes no ThumbHash. The rounds alternate;
medians and their ratio. Without an ffmpeg on PATH or in the argument only ours is measured.
"""

import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from dustreel.base.vocabulary import AspectRatio, Frame, GenerationType, Resolution, Seconds
from dustreel.media import Workbench
from dustreel.media.preview import OPTIONS
from dustreel.providers import Order
from dustreel.providers.sandbox import SandboxProvider

ROUNDS = 7
LONG, SHORT = Seconds(15), Seconds(5)
GRAPH = (
    "[0:v]fps=12,scale=480:270:flags=area,split=3[a][b][c];"
    "[a]thumbnail=180[thumbnail];"
    "[b]trim=start=6:duration=2.5,setpts=PTS-STARTPTS[preview];"
    "[c]fps=1,scale=160:90:flags=area,tile=5x3[sprite]"
)


async def measure(ffmpeg: str | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await compare(folder, ffmpeg)
        await alone(folder)


async def compare(folder: Path, ffmpeg: str | None) -> None:
    film = await drawn(folder / "film.mp4", Resolution.HD_1080P, LONG)
    bench = Workbench()
    await bench.warm()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        examined = await bench.examine(film, expect=Frame.of(Resolution.HD_1080P, AspectRatio.WIDE), seconds=LONG)
        ours.append(time.perf_counter() - began)
        assert examined.preview and examined.sprite and not examined.failed
        sizes = f"preview {len(examined.preview) >> 10} KiB, sprite {len(examined.sprite) >> 10} KiB"
        if ffmpeg:
            theirs.append(await asyncio.to_thread(by_command, ffmpeg, film, folder))
    await bench.close()
    said = f"all derivatives of 15 s 1080p ({film.stat().st_size >> 10} KiB): {statistics.median(ours):.2f} s"
    if theirs:
        ratio = statistics.median(ours) / statistics.median(theirs)
        said += f", ffmpeg {statistics.median(theirs):.2f} s, ratio {ratio:.2f}"
    print(f"{said}; {sizes}")


async def alone(folder: Path) -> None:
    """What it costs to make them, beside the check of the smallest video."""
    film = await drawn(folder / "short.mp4", Resolution.SD_480P, SHORT)
    work = {"do": "examine", "file": str(film), "width": 854, "height": 480, "seconds": SHORT}
    bench = Workbench()
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS + 1):
        for plainly, times in took.items():
            began = time.perf_counter()
            await bench._on_video(work | {"plainly": plainly})
            times.append(time.perf_counter() - began)
    await bench.close()
    check, whole = (1000 * statistics.median(times[1:]) for times in (took[True], took[False]))
    print(f"5 s 480p: {whole:.0f} ms, of which {whole - check:.0f} ms make the derivatives")


def by_command(ffmpeg: str, film: Path, folder: Path) -> float:
    encoder = [word for name, value in OPTIONS.items() for word in (f"-{name}", value)]
    made = [folder / name for name in ("thumbnail.jpg", "preview.mp4", "sprite.jpg")]
    command = [ffmpeg, "-v", "error", "-nostdin", "-y", "-xerror", "-err_detect", "explode", "-i", str(film), "-filter_complex", GRAPH]
    command += ["-map", "[thumbnail]", "-frames:v", "1", "-q:v", "4", str(made[0])]
    command += ["-map", "[preview]", "-c:v", "libx264", *encoder, "-movflags", "+faststart", str(made[1])]
    command += ["-map", "[sprite]", "-frames:v", "1", "-q:v", "5", str(made[2])]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    took = time.perf_counter() - began
    assert all(file.stat().st_size > 1000 for file in made)
    return took


async def drawn(into: Path, resolution: Resolution, seconds: Seconds) -> Path:
    async def tell(share: float) -> None:
        assert 0 <= share < 1

    sandbox = SandboxProvider(processes=1)
    order = Order(
        job_id=uuid4(),
        attempt=1,
        generation_type=GenerationType.TEXT_TO_VIDEO,
        prompt="A cat playing piano in a jazz club",
        seconds=seconds,
        resolution=resolution,
        aspect_ratio=AspectRatio.WIDE,
        camera_fixed=False,
        picture=None,
        reference_person=False,
        directives=False,
    )
    await sandbox.render(order, into, tell)
    await sandbox.close()
    return into


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1] if len(sys.argv) > 1 else shutil.which("ffmpeg")))
