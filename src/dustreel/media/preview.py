"""A short silent loop of a film's most telling stretch, for a page to show in the film's place: forwards only, and without a jump."""

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import cv2
from av.video.frame import PictureType, VideoFrame

from dustreel.media.sampling import BT709, HD_HEIGHT, UNSPECIFIED, Sample, plane

SECONDS = 2.5
# Its end passes over into what came just before its beginning, so that the loop closes.
BLEND_SECONDS = 0.5
# Levels of mean difference between two samples: as lively as counts. A walk changes a picture by one or two, a run by five.
LIVELY = 5.0
# A cut changes it by more than this, and by so many times what is usual around it.
CUT, CUT_TIMES = 12.0, 4.0
# The quickest preset, in a third of veryfast's time, with the deblocking that it leaves out; at most some 300 kB.
OPTIONS = {"preset": "ultrafast", "x264-params": "deblock=0,0", "crf": "24", "maxrate": "800k", "bufsize": "400k"}


class Stretch:
    """The best stretch of those seen so far. Holds its samples, and those of the stretch that ends now: twice three seconds, small."""

    def __init__(self, rate: Fraction) -> None:
        """`rate`: samples a second."""
        self._blend = round(BLEND_SECONDS * rate)
        self._now: deque[Sample] = deque(maxlen=max(2, round(SECONDS * rate) + self._blend))
        self._best: list[Sample] = []
        self._score = -1.0

    def see(self, sample: Sample, frame: VideoFrame) -> None:
        self._now.append(sample)
        if len(self._now) == self._now.maxlen:
            score = _telling(self._now)
            if score > self._score:
                self._score, self._best = score, list(self._now)

    def loop(self) -> Iterator[VideoFrame]:
        """The loop's frames in their order; all that there is, where the film is shorter than a stretch. Raises LookupError for none."""
        frames = [sample.small for sample in self._best or self._now]
        if not frames:
            raise LookupError("no frame was seen")
        return closed(frames, min(self._blend, len(frames) // 4))


def closed(frames: Sequence[VideoFrame], blend: int) -> Iterator[VideoFrame]:
    """All but the first `blend` frames; into the last `blend` of them those first are mixed, more and more."""
    kept = frames[blend:]
    for number, frame in enumerate(kept):
        into = number - (len(kept) - blend)
        yield frame if into < 0 else _mixed(frame, frames[into], (into + 1) / (blend + 1))


def encode(frames: Iterator[VideoFrame], rate: Fraction, *, film_height: int) -> bytes:
    """An MP4 that plays from its first byte. The frames keep their colours."""
    first = next(frames)
    # The index is moved to the front by reading the file again, which wants a real one.
    with tempfile.TemporaryDirectory(prefix="dustreel-preview-") as folder:
        file = Path(folder) / "preview.mp4"
        with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate, options=OPTIONS)
            stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
            context = stream.codec_context
            context.color_range = first.color_range
            colours = (first.color_primaries, first.color_trc, first.colorspace)
            if first.colorspace == UNSPECIFIED and film_height >= HD_HEIGHT:
                # Browsers take a large film without a word for BT.709, and would take a small loop of it for BT.601.
                colours = (BT709, BT709, BT709)
            context.color_primaries, context.color_trc, context.colorspace = colours
            for number, frame in enumerate([first, *frames]):
                frame.pts, frame.time_base, frame.pict_type = number, 1 / rate, PictureType.NONE
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return file.read_bytes()


def _telling(stretch: deque[Sample]) -> float:
    worths = [sample.worth for sample in stretch]
    # The change of the first is to what came before.
    changes = [sample.change for sample in stretch][1:]
    usual = median(changes)
    is_whole = max(changes) <= max(CUT, CUT_TIMES * usual)
    return (sum(worths) / len(worths) + min(worths)) * (1 + min(1.0, usual / LIVELY)) * (1.0 if is_whole else 0.4)


def _mixed(frame: VideoFrame, other: VideoFrame, share: float) -> VideoFrame:
    made = VideoFrame(frame.width, frame.height, "yuv420p")
    for number in range(3):
        plane(made, number)[:] = cv2.addWeighted(plane(frame, number), 1 - share, plane(other, number), share, 0.0)
    return made
