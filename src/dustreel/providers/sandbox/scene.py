"""What is asked of a scene, and what a scene is."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

type Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shot:
    """One video to be drawn. Sizes in pixels."""

    width: int
    height: int
    seconds: int
    fps: int
    prompt: str
    camera_fixed: bool

    @property
    def aspect(self) -> float:
        return self.width / self.height

    @property
    def seed(self) -> int:
        """The same prompt always looks the same."""
        return int(hashlib.sha256(self.prompt.encode(errors="replace")).hexdigest()[:8], 16)


class Scene(Protocol):
    def frame(self, t: float) -> Rgb:
        """The picture at `t` seconds, (height, width, 3). It may be drawn into the same buffer as the one before."""
