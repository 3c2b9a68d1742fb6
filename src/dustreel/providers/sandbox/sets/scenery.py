"""What a set is made of: layers from far to near, and where actors stand."""

from dataclasses import dataclass
from typing import Protocol

from dustreel.providers.sandbox.engine.port import Spot
from dustreel.providers.sandbox.kit import Camera, Picture
from dustreel.providers.sandbox.scene import Shot


class Layer(Protocol):
    def draw(self, picture: Picture, camera: Camera, t: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Scenery:
    """A Set."""

    back: tuple[Layer, ...]
    front: tuple[Layer, ...]
    ground: tuple[Spot, ...]
    air: tuple[Spot, ...]
    water: tuple[Spot, ...] = ()
    """Empty where nothing swims: swimmers then take the ground's."""

    def spots(self, flies: bool, swims: bool) -> tuple[Spot, ...]:
        if flies:
            return self.air
        return self.water if swims and self.water else self.ground

    def draw_back(self, picture: Picture, camera: Camera, t: float) -> None:
        for layer in self.back:
            layer.draw(picture, camera, t)

    def draw_front(self, picture: Picture, camera: Camera, t: float) -> None:
        for layer in self.front:
            layer.draw(picture, camera, t)


def standing(shot: Shot, y: float, metre: float, *, depth: float = 1.0, mirrored: float = 0.0) -> tuple[Spot, ...]:
    """Three in front, and a crowd's places behind them; closer together in a narrow picture."""
    narrow = min(1.0, shot.aspect / 1.5)
    size = metre * min(1.0, 0.45 + 0.5 * shot.aspect)
    front = [(-0.02, 0.0, 1.0), (0.36, -0.006, 0.97), (-0.40, -0.010, 0.95)]
    behind = [(0.18, -0.035, 0.84), (-0.20, -0.038, 0.83), (0.56, -0.042, 0.80), (-0.58, -0.042, 0.80)]
    rear = [(0.06, -0.062, 0.70), (-0.34, -0.064, 0.70), (0.42, -0.066, 0.68), (-0.68, -0.066, 0.68), (0.70, -0.066, 0.66)]
    return tuple(
        Spot(x * narrow, y + up * metre / 0.2, size * smaller, depth * (0.55 + 0.45 * smaller), mirrored)
        for x, up, smaller in front + behind + rear
    )


def flying(shot: Shot, y: float, metre: float, *, depth: float = 0.9) -> tuple[Spot, ...]:
    """Spread over the sky, the first in its middle."""
    narrow = min(1.0, shot.aspect / 1.5)
    size = metre * min(1.0, 0.45 + 0.5 * shot.aspect)
    places = [(0.0, 0.0, 1.0), (0.34, -0.10, 0.84), (-0.36, -0.07, 0.86), (0.16, 0.10, 0.76), (-0.20, -0.17, 0.66), (0.54, 0.05, 0.62)]
    far = [(-0.56, 0.06, 0.58), (0.06, -0.22, 0.54), (0.46, -0.20, 0.50), (-0.46, -0.20, 0.48), (-0.06, 0.14, 0.60), (0.66, -0.12, 0.46)]
    return tuple(Spot(x * narrow, y + up, size * smaller, depth * (0.5 + 0.5 * smaller)) for x, up, smaller in places + far)
