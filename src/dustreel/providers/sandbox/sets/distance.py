"""What is far away: drawn at a smaller size and enlarged in one go, which also keeps the eye on what stands in front."""

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Camera, Picture
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.scenery import Layer

_LEAST, _MOST = 360, 720


def far_shot(shot: Shot) -> Shot:
    """The shot at which far layers are built: half its size, within reason."""
    rows = min(shot.height, max(_LEAST, min(shot.height // 2, _MOST)))
    columns = max(2, round(shot.width * rows / shot.height))
    return Shot(columns, rows, shot.seconds, shot.fps, shot.prompt, shot.camera_fixed)


class Distance:
    """Layers built for a `far_shot`."""

    def __init__(self, far: Shot, layers: list[Layer], *, until: float = 0.72) -> None:
        """`until`: how far down anything of it is seen, in units; nearer layers cover the rest."""
        self._layers, self._until = layers, until
        self._small: Picture = np.zeros((far.height, far.width, 3), np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        rows, columns = self._small.shape[:2]
        near = Camera(columns, rows, camera.x, camera.y, camera.zoom)
        # Nearer layers move more, so that their edge is looked for at the depth of the stage as well.
        edge = max(float(camera.see([(0, self._until)], depth)[0][1]) for depth in (0.3, 1.0))
        seen = int(np.clip(np.ceil(edge / height * rows) + 2, 8, rows))
        # What no layer covers is no leftover of the frame before.
        self._small[:seen] = 0
        for layer in self._layers:
            layer.draw(self._small, near, t)
        count = height if seen == rows else min(height, round(seen * height / rows))
        cv2.resize(self._small[:seen], (width, count), dst=picture[:count], interpolation=cv2.INTER_LINEAR)
