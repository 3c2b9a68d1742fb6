"""Skies by the hour: gradient, sun or moon, stars, clouds. Drawn once, larger than the picture."""

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Colour, Picture, Plane, clouds, colour, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.setting import Hour

OVERSCAN = 1.2
STARS = 650

# Zenith, middle, horizon, and what shines.
PALETTES: dict[Hour, tuple[Colour, Colour, Colour, Colour]] = {
    hour: (colour(zenith), colour(middle), colour(horizon), colour(shine))
    for hour, (zenith, middle, horizon, shine) in {
        Hour.SUNSET: ("#2b1b4d", "#c2456b", "#ffb36b", "#fff0c2"),
        Hour.SUNRISE: ("#2a3a6d", "#d9788a", "#ffc58f", "#fff3d6"),
        Hour.DAWN: ("#25335f", "#b96a8c", "#ffbf96", "#fff0dc"),
        Hour.NIGHT: ("#050a1f", "#10214a", "#24467d", "#dfeaff"),
        Hour.DAY: ("#2f7fd0", "#7fbdea", "#d8eefb", "#fffbe8"),
        Hour.STORM: ("#141a24", "#2f3a48", "#5b6875", "#cfd8df"),
        Hour.SPACE: ("#02030c", "#120a2e", "#3a1857", "#cbb8ff"),
    }.items()
}
DARK = (Hour.NIGHT, Hour.SPACE)


def draw_sky(shot: Shot, hour: Hour, sun: tuple[float, float], rng: np.random.Generator) -> Picture:
    """`sun` in the scene's units."""
    zenith, middle, horizon, shine = PALETTES[hour]
    width, height = int(shot.width * OVERSCAN), int(shot.height * OVERSCAN)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = (columns - width / 2) / shot.height, (rows - height / 2) / shot.height
    fall = np.clip((y + 0.55) / 0.72, 0, 1)[..., None]
    sky = np.where(fall < 0.55, zenith + (middle - zenith) * (fall / 0.55), middle + (horizon - middle) * ((fall - 0.55) / 0.45))
    distance = np.hypot(x - sun[0], y - sun[1])
    dark = hour in DARK
    sky += (shine - sky) * (np.exp(-((distance / 0.34) ** 2)) * (0.16 if dark else 0.55))[..., None]
    if hour is not Hour.STORM:
        radius = 0.055 if dark else 0.075
        body = np.clip((radius - distance) * shot.height / 1.5 + 0.5, 0, 1)[..., None]
        sky = sky * (1 - body) + shine * body
    if dark:
        _scatter_stars(sky, rng)
    puffs = cv2.resize(
        clouds(height // 4, width // 4, rng, octaves=5, cells=3, stretch=2.6), (width, height), interpolation=cv2.INTER_CUBIC
    )
    cover = np.clip((puffs - (0.40 if hour is Hour.STORM else 0.52)) * 3.2, 0, 1) * np.clip(1 - np.abs(y + 0.20) / 0.34, 0, 1)
    amount = 0.20 if dark else 0.5
    sky += (mix(shine, horizon, 0.4) * (0.5 if hour is Hour.STORM else 1.0) - sky) * (cover * amount)[..., None]
    # Noise below what the eye sees, against bands in the gradient.
    sky += rng.normal(0, 1.2, (height, width)).astype(np.float32)[..., None]
    return np.asarray(np.clip(sky, 0, 255), np.uint8)


def _scatter_stars(sky: Plane, rng: np.random.Generator) -> None:
    height, width = sky.shape[:2]
    for _ in range(STARS):
        x, y = rng.integers(2, width - 2), rng.integers(2, int(height * 0.62))
        brightness = float(rng.random() ** 3 * 210)
        sky[y, x] += brightness
        if brightness > 110:
            sky[y - 1 : y + 2, x] += brightness * 0.25
            sky[y, x - 1 : x + 2] += brightness * 0.25
