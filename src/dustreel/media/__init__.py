"""Pictures and videos as bytes: made harmless, checked to the last frame."""

from dustreel.media.failures import (
    BrokenBench,
    BrokenVideo,
    ImageTooLarge,
    ImageUnreachable,
    ImageUnsupported,
    ImageUrlForbidden,
    InvalidImageUrl,
)
from dustreel.media.vtt import Layout, webvtt
from dustreel.media.workbench import Examined, Picture, VideoFacts, Workbench

__all__ = [
    "BrokenBench",
    "BrokenVideo",
    "Examined",
    "ImageTooLarge",
    "ImageUnreachable",
    "ImageUnsupported",
    "ImageUrlForbidden",
    "InvalidImageUrl",
    "Layout",
    "Picture",
    "VideoFacts",
    "Workbench",
    "webvtt",
]
