"""What rooms are made of: walls with a window to the weather outside, curtains, lamps, shelves, boards, flames, steam."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, colour, ellipse, fill, fill_each, mix, stroke
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.glow import Beam, add_soft, sprite
from dustreel.providers.sandbox.sets.light import light_outside, lit
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.storyboard import Hour, Storyboard, Weather

_VIEW_DEPTH = 0.28
WALL_DEPTH = 0.62


class Window:
    """A pane of the world outside: sky, hills, sun or moon, and what falls from the sky."""

    def __init__(self, shot: Shot, storyboard: Storyboard, rng: np.random.Generator, x: float, y: float, half: float, tall: float) -> None:
        self.x, self.y, self.half, self.tall = x, y, half, tall
        self._light = light_outside(shot, storyboard)
        self._plate = self._painted(shot, storyboard, rng)
        rain = any(weather in (Weather.RAIN, Weather.STORM) for weather in storyboard.weather)
        self._falls = "rain" if rain else "snow" if Weather.SNOW in storyboard.weather else None
        self._drops = rng.uniform((0, 0, 0.5, 0), (1, 1, 1.2, 6.28), (60, 4))

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        self._plate.draw(picture, camera)
        if self._falls is None:
            return
        corners = camera.see([(self.x - self.half, self.y - self.tall), (self.x + self.half, self.y + self.tall)], WALL_DEPTH)
        (left, top), (right, bottom) = np.round(corners).astype(int).tolist()
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, camera.width), min(bottom, camera.height)
        if right - left < 8 or bottom - top < 8:
            return
        region = picture[top:bottom, left:right]
        tall, wide, unit = bottom - top, right - left, camera.height
        tint = mix(self._light.horizon, self._light.shine, 0.5)
        for x, y, near, phase in self._drops:
            if self._falls == "rain":
                at = ((x + 0.02 * near) % 1 * wide, (y + t * 1.6 * near) % 1.15 * tall - 0.1 * tall)
                stroke(
                    region,
                    np.array([at, (at[0] - unit * 0.003, at[1] + unit * 0.026 * near)]),
                    mix(self._light.middle, tint, 0.6),
                    unit * 0.0012,
                )
            else:
                at = ((x + 0.03 * math.sin(t * 0.9 + phase)) % 1 * wide, (y + t * 0.13 * near) % 1.05 * tall)
                fill(region, ellipse(at[0], at[1], unit * 0.0028 * near, unit * 0.0028 * near, steps=8), (246, 250, 255))

    def _painted(self, shot: Shot, storyboard: Storyboard, rng: np.random.Generator) -> Plate:
        light, canvas = self._light, Canvas(shot)
        x, y = canvas.grid()
        fall = np.clip((y - self.y + self.tall) / (2 * self.tall), 0, 1)[..., None]
        sky = light.zenith + (light.middle - light.zenith) * np.clip(fall * 2, 0, 1)
        sky = sky + (light.horizon - sky) * np.clip(fall * 2 - 1, 0, 1)
        sun = (self.x + self.half * 0.35, self.y - self.tall * (0.45 if storyboard.hour in (Hour.DAY, Hour.NIGHT) else -0.05))
        away = np.hypot(x - sun[0], y - sun[1])
        sky = sky + (light.shine - sky) * (np.exp(-((away / 0.13) ** 2)) * (0.25 if light.dark else 0.6))[..., None]
        reach_x, reach_y = self.half + 0.09, self.tall + 0.09
        frame = [
            (self.x - reach_x, self.y - reach_y),
            (self.x + reach_x, self.y - reach_y),
            (self.x + reach_x, self.y + reach_y),
            (self.x - reach_x, self.y + reach_y),
        ]
        canvas.lay(np.asarray(sky, np.float32), frame)
        kept = canvas.cover.copy()
        if light.dark:
            for _ in range(26):
                at = (self.x + rng.uniform(-reach_x, reach_x), self.y - rng.uniform(-0.05, reach_y))
                canvas.shape(ellipse(*at, 0.0014, 0.0014, steps=8), mix(light.middle, light.shine, rng.uniform(0.4, 1)))
            canvas.shape(ellipse(*sun, 0.026, 0.026), light.shine)
        green = ground.grass_colour(storyboard)
        for near, base, tall in ((0.35, 0.62, 0.10), (0.60, 0.80, 0.07)):
            x1, y1 = ground.crest(canvas, rng, self.y - self.tall + 2 * self.tall * base, tall, octaves=4, cells=1.6, rough=0.4)
            ground.ridge(canvas, x1, y1, lit(light, green * np.float32(0.85), near), lit(light, green, near), bottom=self.y + reach_y)
        clear = cv2.cvtColor(kept, cv2.COLOR_GRAY2RGB)
        cv2.multiply(canvas.colour, clear, dst=canvas.colour, scale=1 / 255)
        canvas.cover[...] = kept
        return Plate(canvas, _VIEW_DEPTH)


def hole(canvas: Canvas, window: Window) -> None:
    """Cuts a window's panes out of a wall."""
    corners = [
        (window.x - window.half, window.y - window.tall),
        (window.x + window.half, window.y - window.tall),
        (window.x + window.half, window.y + window.tall),
        (window.x - window.half, window.y + window.tall),
    ]
    pixels = canvas.pixels(corners)
    fill(canvas.colour, pixels, (0, 0, 0))
    fill(canvas.cover, pixels, (0.0,))


def sash(canvas: Canvas, window: Window, frame: Colour, dark: Colour) -> None:
    """Frame, bars and sill round a window's hole."""
    x, y, half, tall = window.x, window.y, window.half, window.tall
    for left, top, right, bottom in (
        (x - half - 0.016, y - tall - 0.016, x + half + 0.016, y - tall),
        (x - half - 0.016, y + tall, x + half + 0.016, y + tall + 0.012),
        (x - half - 0.016, y - tall, x - half, y + tall),
        (x + half, y - tall, x + half + 0.016, y + tall),
        (x - 0.005, y - tall, x + 0.005, y + tall),
        (x - half, y - tall * 0.28 - 0.005, x + half, y - tall * 0.28 + 0.005),
    ):
        box(canvas, left, top, right, bottom, frame)
        box(canvas, left, bottom - 0.003, right, bottom, dark)
    box(canvas, x - half - 0.034, y + tall + 0.012, x + half + 0.034, y + tall + 0.028, frame)
    box(canvas, x - half - 0.030, y + tall + 0.028, x + half + 0.030, y + tall + 0.034, dark)


def box(canvas: Canvas, left: float, top: float, right: float, bottom: float, tint: Colour) -> None:
    canvas.shape([(left, top), (right, top), (right, bottom), (left, bottom)], tint)


def curtain(shot: Shot, light: Light, window: Window, side: float, cloth: Colour) -> ground.Swaying:
    """Hangs beside a window and stirs a little."""
    canvas = Canvas(shot)
    outer, inner = window.x + side * (window.half + 0.075), window.x + side * (window.half - 0.022)
    top, bottom = window.y - window.tall - 0.05, window.y + window.tall + 0.13
    folds = 6
    for number in range(folds):
        first, last = outer + (inner - outer) * number / folds, outer + (inner - outer) * (number + 1.15) / folds
        tone = 0.78 + 0.22 * math.sin(number * 2.4 + 0.8)
        tuck = side * 0.018 * (number / folds)
        shape = [(first, top), (last, top), (last + tuck, (top + bottom) / 2), (last, bottom), (first, bottom)]
        canvas.shape(shape, lit(light, cloth * np.float32(tone)))
        canvas.shape(
            [(first, top), (first + (last - first) * 0.22, top), (first + (last - first) * 0.22, bottom), (first, bottom)],
            lit(light, cloth * np.float32(tone * 1.14)),
        )
    return ground.Swaying(Plate(canvas, WALL_DEPTH + 0.02, foot=top), 0.010, side, 0.7)


def rod(canvas: Canvas, window: Window, tint: Colour) -> None:
    y = window.y - window.tall - 0.045
    box(canvas, window.x - window.half - 0.11, y - 0.005, window.x + window.half + 0.11, y + 0.005, tint)
    for side in (-1, 1):
        canvas.shape(ellipse(window.x + side * (window.half + 0.115), y, 0.011, 0.011), tint)


def boards(canvas: Canvas, rng: np.random.Generator, line: float, wood: Colour, seam: Colour) -> None:
    """Floor boards that run towards us."""
    reach = canvas.across * 1.3
    box(canvas, -2.5, line, 2.5, 1.0, wood)
    for number, left in enumerate(np.arange(-reach * 1.6, reach * 1.6, 0.085)):
        tint = wood * np.float32(rng.uniform(0.88, 1.06))
        near = 2.3
        canvas.shape([(left, line), (left + 0.085, line), ((left + 0.085) * near, 0.80), (left * near, 0.80)], tint)
        canvas.line([(left, line), (left * near, 0.80)], seam, 0.0018)
        cut = line + rng.uniform(0.02, 0.30)
        share = (cut - line) / (0.80 - line)
        here, there = left * (1 + (near - 1) * share), (left + 0.085) * (1 + (near - 1) * share)
        if number % 2:
            canvas.line([(here, cut), (there, cut)], seam, 0.0018)


def books(canvas: Canvas, light: Light, rng: np.random.Generator, left: float, right: float, foot: float, tall: float) -> None:
    """A shelf full, some of them leaning."""
    tints = [colour(code) for code in ("#8a3b3b", "#2f5a6a", "#c9a25a", "#4a6a4a", "#6a4a7a", "#b8643c", "#d8cdb4")]
    x = left
    while x < right - 0.008:
        wide, high = float(rng.uniform(0.007, 0.016)), tall * float(rng.uniform(0.66, 0.95))
        tint = lit(light, tints[int(rng.integers(len(tints)))], 1.0, shade=0.25)
        lean = 0.010 if rng.random() < 0.08 else 0.0
        canvas.shape([(x, foot), (x + lean, foot - high), (min(x + wide, right) + lean, foot - high), (min(x + wide, right), foot)], tint)
        canvas.line(
            [(x + wide * 0.3 + lean * 0.8, foot - high * 0.8), (min(x + wide * 0.7, right) + lean * 0.8, foot - high * 0.8)],
            mix(tint, light.key, 0.4),
            0.0015,
        )
        x += wide + 0.001


def daylight(window: Window, light: Light, storyboard: Storyboard) -> tuple[Beam, ...]:
    """What comes in through the window, seen in the dust."""
    if storyboard.hour in (Hour.DUSK, Hour.NIGHT) or Weather.STORM in storyboard.weather:
        return (Beam((window.x, window.y - 0.25), (window.x + 0.35, 0.45), 0.30, colour("#7f9ad8"), 0.20),)
    soft = 0.26 if any(weather in (Weather.RAIN, Weather.SNOW, Weather.FOG) for weather in storyboard.weather) else 0.44
    return (Beam((window.x - 0.10, window.y - 0.35), (window.x + 0.42, 0.42), 0.24, mix(light.key, light.shine, 0.5), soft, fall=0.7),)


class Flames:
    """A fire in its grate: tongues inside one another."""

    def __init__(self, x: float, y: float, size: float, depth: float) -> None:
        self._x, self._y, self._size, self._depth = x, y, size, depth

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for share, code in ((1.0, "#d8481c"), (0.74, "#ff8a2a"), (0.50, "#ffc24a"), (0.28, "#fff0b0")):
            shapes = []
            for number, at in enumerate((-0.62, -0.22, 0.20, 0.58)):
                high = (
                    self._size
                    * share
                    * (0.75 + 0.22 * math.sin(t * 7.1 + number * 2.3) + 0.14 * math.sin(t * 11.7 + number * 1.1))
                    * (1.15 - 0.5 * abs(at))
                )
                half, x = self._size * 0.30 * share, self._x + at * self._size * 0.8
                lean = self._size * 0.14 * math.sin(t * 3.7 + number * 1.9)
                side = [
                    (-half, 0.0),
                    (-half * 0.95, -high * 0.30),
                    (-half * 0.45 + lean * 0.4, -high * 0.68),
                    (lean, -high),
                    (half * 0.5 + lean * 0.4, -high * 0.62),
                    (half, -high * 0.28),
                    (half, 0.0),
                ]
                shapes.append(camera.see(np.array(side) + np.array((x, self._y)), self._depth))
            fill_each(picture, shapes, colour(code))


class Steam:
    """Puffs that rise, widen and fade."""

    def __init__(self, shot: Shot, light: Light, x: float, y: float, depth: float) -> None:
        self._x, self._y, self._depth = x, y, depth
        self._sprites = [
            sprite(shot.height * radius, 1.7, mix(light.shine, light.haze, 0.3) * np.float32(0.17))
            for radius in (0.026, 0.036, 0.048, 0.060)
        ]

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for number in range(9):
            share = (t * 0.30 + number / 9) % 1.0
            x = self._x + 0.028 * math.sin(share * 5 + number * 2.2 + t * 0.4) * share
            (where,) = camera.see([(x, self._y - 0.24 * share)], self._depth)
            add_soft(picture, self._sprites[min(3, int(share * 4))], where[0], where[1], math.sin(math.pi * share) ** 0.8)
