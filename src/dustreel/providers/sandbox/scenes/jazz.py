"""A jazz club at night: velvet, haze in the beams, a neon sign, and a cat at the piano, rim-lit against it all."""

import math
from collections.abc import Callable

import cv2
import numpy as np

from dustreel.providers.sandbox.finish import Finish
from dustreel.providers.sandbox.kit import (
    Camera,
    Colour,
    Picture,
    Plane,
    Points,
    add_glow,
    blend,
    colour,
    disc,
    ellipse,
    fill,
    fill_all,
    fill_each,
    mix,
    place,
    smooth,
    smoother,
    spline,
    stroke,
)
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.scenes.jazz_figures import PIANO, STOOL, STOOL_SEAT, cat, head_and_shoulders, note
from dustreel.providers.sandbox.scenes.jazz_room import Lights, NeonSign, draw_room

KEY, COOL, NEON = colour("#ffb861"), colour("#3d6fd8"), colour("#ff4f7b")
NEON_BLUE, INK, VELVET = colour("#46d7ff"), colour("#0b0611"), colour("#5a1230")
BEATS_A_SECOND = 112 / 60
# The stage's floor, where everything stands.
FLOOR = 0.315
# Light is soft: drawn at a quarter of the size it looks the same.
LIGHT_SHRINK = 4
ROOM_DEPTH, LAMP_DEPTH, HALL_DEPTH = 0.30, 0.70, 1.50


class Jazz:
    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        rng = np.random.default_rng(shot.seed)
        aspect = shot.aspect
        self._camera = Camera(shot.width, shot.height)
        # Figures shrink until cat and piano fit side by side.
        self._scale = min(0.53, aspect / 1.52)
        shown = min(2.23 * self._scale, aspect * 0.93)
        self._cat_x = -shown / 2 + 0.66 * self._scale + (0.02 if aspect > 1.4 else 0.0)
        self._piano_x = self._cat_x + 0.145 * self._scale
        self._room = draw_room(shot, rng)
        self._lights = Lights(shot, rng, LIGHT_SHRINK)
        self._sign = NeonSign("JAZZ CLUB", (0.070 if aspect > 1.2 else 0.105) * shot.height * min(1.0, aspect / 0.95), NEON)
        self._sign_at = (-0.64, -0.275) if aspect > 1.5 else (-0.43, -0.33) if aspect > 1.2 else (0.0, -0.255)
        self._lamps = (
            ((-0.155, -0.385), (0.19, -0.345), (0.64, -0.375)) if aspect > 1.2 else ((-0.3 * aspect, -0.43), (0.3 * aspect, -0.41))
        )
        self._dust = rng.uniform((-1, -0.6, 0.5, 0, 0.25), (1, 0.5, 1.8, 2 * math.pi, 1), (150, 5))
        self._audience = [
            (x + rng.uniform(-0.05, 0.05), rng.uniform(0.425, 0.46), rng.uniform(0.85, 1.1), rng.uniform(0, 6.28))
            for x in np.linspace(-0.95, 0.95, 8)
        ]
        self._finish = Finish(shot, rng)
        self._buffer: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def frame(self, t: float) -> Picture:
        picture, beat = self._buffer, t * BEATS_A_SECOND
        self._move_camera(t)
        self._camera.warp(self._room, ROOM_DEPTH, picture)
        self._light_room(picture, t)
        self._draw_piano(picture, beat)
        self._draw_stool(picture)
        self._draw_cat(picture, t, beat)
        self._draw_notes(picture, t)
        self._draw_dust(picture, t)
        self._draw_audience(picture, t, beat)
        return self._finish.apply(picture, t)

    def _move_camera(self, t: float) -> None:
        camera = self._camera
        if self._shot.camera_fixed:
            camera.x = camera.y = 0.0
            camera.zoom = 1.03
            return
        done = smoother(t / self._shot.seconds)
        camera.zoom = 1.0 + 0.155 * done
        camera.x = -0.050 + 0.085 * done + 0.0022 * math.sin(t * 1.1)
        camera.y = -0.012 + 0.022 * done + 0.0016 * math.sin(t * 0.9 + 1)

    def _light_room(self, picture: Picture, t: float) -> None:
        """Neon, beams and pendant lamps."""
        light = self._lights.beams(t)
        # A tube that is switched on flickers before it burns.
        burning = 1.0 if t > 0.9 else (0.15 + 0.85 * (math.sin(t * 61) > 0.1)) * smooth(t / 0.5)
        burning *= 0.93 + 0.07 * math.sin(t * 23) * math.sin(t * 5)
        (sign,) = self._camera.see([self._sign_at], 0.35)
        self._sign.draw(picture, sign[0], sign[1], burning)
        self._lights.glow(light, self._camera.see([self._sign_at], 0.35, shrunk=1 / LIGHT_SHRINK)[0], NEON, 0.34, 0.30 * burning)
        size = min(1.0, 0.45 + 0.4 * self._shot.aspect)
        for number, (x, y) in enumerate(self._lamps):
            swing = 0.035 * math.sin(t * 1.2 + number * 1.9)
            bulb_x = x + math.sin(swing) * 0.2
            cord = self._camera.see([(x, -0.7), (bulb_x, y)], LAMP_DEPTH)
            stroke(picture, cord, INK, self._shot.height * 0.0022)
            shade = place([(-0.012, -0.032), (0.012, -0.032), (0.052, 0.018), (-0.052, 0.018)], size, bulb_x, y, swing)
            fill(picture, self._camera.see(shade, LAMP_DEPTH), INK * 1.6)
            fill(
                picture,
                self._camera.see(place(ellipse(0, 0.018, 0.040, 0.009, steps=24), size, bulb_x, y, swing), LAMP_DEPTH),
                (255, 226, 170),
            )
            where = self._camera.see([(bulb_x, y + 0.03)], LAMP_DEPTH, shrunk=1 / LIGHT_SHRINK)[0]
            self._lights.glow(light, where, KEY, 0.30, 0.34 + 0.03 * math.sin(t * 7 + number))
        self._lights.pour(light, picture)

    def _silhouette(
        self, picture: Picture, shape: Points, x: float, tint: Colour = INK, *, warm: float = 0.85, cool: float = 0.55, y: float = FLOOR
    ) -> None:
        """A dark shape with the stage's warm light on one edge and cool light on the other."""
        pixels, unit = self._camera.see(place(shape, self._scale, x, y)), self._camera.scale(1.0)
        if cool:
            fill(picture, pixels + np.array((0.0046, -0.0030)) * unit, mix(tint, COOL, cool))
        if warm:
            fill(picture, pixels + np.array((-0.0042, -0.0050)) * unit, mix(tint, KEY, warm))
        fill(picture, pixels, tint)

    def _draw_piano(self, picture: Picture, beat: float) -> None:
        x = self._piano_x
        for centre, width in ((x + 0.72 * self._scale, 0.80), (self._cat_x - 0.20 * self._scale, 0.30)):
            shadow = ellipse(centre, FLOOR + 0.004, width * self._scale, 0.016)
            fill(picture, self._camera.see(shadow), INK * 0.9 + colour("#2b1420") * 0.25)
        for leg in PIANO.legs:
            self._silhouette(picture, leg, x, warm=0.35)
        self._silhouette(picture, PIANO.lyre, x, warm=0.3)
        self._silhouette(picture, PIANO.lid, x, warm=0.9, cool=0.75)
        self._draw_inside(picture, beat)
        fill(picture, self._camera.see(place(PIANO.prop, self._scale, x, FLOOR)), INK)
        self._silhouette(picture, PIANO.case, x, warm=0.95, cool=0.6)
        shine = [(0.22, -0.528), (1.38, -0.528), (1.40, -0.520), (0.22, -0.520)]
        fill(picture, self._camera.see(place(shine, self._scale, x, FLOOR)), mix(INK, KEY, 0.38))
        self._silhouette(picture, PIANO.stand, x, warm=0.6)
        fill(picture, self._camera.see(place(PIANO.sheet, self._scale, x, FLOOR)), (214, 196, 170))
        staves = [[(0.264, y), (0.356, y), (0.357, y + 0.004), (0.264, y + 0.004)] for y in (-0.685 + 0.022 * line for line in range(5))]
        fill_all(picture, [self._camera.see(place(stave, self._scale, x, FLOOR)) for stave in staves], (120, 96, 84))
        fill(picture, self._camera.see(place(PIANO.keys, self._scale, x, FLOOR)), (245, 232, 214))
        for key in range(7):
            share = 0.08 + key * 0.125
            left, top = share * 0.165, -0.452 - 0.022 * share
            black = [(left - 0.01, top), (left, top), (left + 0.002, top + 0.017), (left - 0.008, top + 0.018)]
            fill(picture, self._camera.see(place(black, self._scale, x, FLOOR)), INK)

    def _draw_inside(self, picture: Picture, beat: float) -> None:
        """The lid's underside glows from the strings, which catch the light in turn."""
        focus = np.array((0.80, -0.56))
        glow = 0.80 + 0.10 * math.sin(beat * 2 * math.pi)
        dark, bright = np.array((150, 62, 34), np.float32), np.array((214, 120, 58), np.float32)
        for step in range(14):
            share = step / 13
            ring = (PIANO.inside - focus) * (1 - 0.93 * share) + focus
            tint = mix(mix(INK, dark, 0.30), bright, share**1.4 * 0.75 * glow)
            fill(picture, self._camera.see(place(ring, self._scale, self._piano_x, FLOOR)), tint)
        for string in range(14):
            share = string / 13
            left, top = 0.40 + 0.84 * share, 0.48 * math.sin(math.pi * (0.20 + 0.72 * share) ** 0.9)
            wire = self._camera.see(place([(left, -0.56), (left + 0.035, -0.56 - top)], self._scale, self._piano_x, FLOOR))
            stroke(picture, wire, mix(INK, KEY, 0.30 + 0.22 * math.sin(beat * 6.28 + string * 1.3) ** 2), self._shot.height * 0.0016)

    @property
    def _stool_x(self) -> float:
        return self._cat_x - 0.20 * self._scale

    def _draw_stool(self, picture: Picture) -> None:
        for side in (-0.14, 0.14):
            leg = [(side * 0.55 - 0.018, STOOL_SEAT), (side * 0.55 + 0.018, STOOL_SEAT), (side * 1.25 + 0.014, 0), (side * 1.25 - 0.014, 0)]
            self._silhouette(picture, np.array(leg), self._stool_x, warm=0.4)
        self._silhouette(picture, STOOL, self._stool_x, mix(INK, VELVET, 0.35), warm=0.7)

    def _draw_cat(self, picture: Picture, t: float, beat: float) -> None:
        pose, unit = cat(t, beat), self._camera.scale(1.0)
        scale = self._scale * 0.80
        x, y = self._stool_x + 0.02 * self._scale, FLOOR + (STOOL_SEAT - 0.05) * self._scale
        fur = mix(INK, np.array((40, 22, 34), np.float32), 0.6)

        def see(shape: Points) -> Points:
            return self._camera.see(place(shape, scale, x, y))

        warm_edge, cool_edge = np.array((-0.0042, -0.0050)) * unit * 1.15, np.array((0.0046, -0.0030)) * unit * 1.15
        tail = see(pose.tail)
        fill(picture, tail + cool_edge, mix(fur, COOL, 0.6))
        fill(picture, tail + warm_edge, mix(fur, KEY, 0.8))
        fill(picture, tail, fur)
        fill(picture, see(pose.far_rim) + warm_edge, mix(INK, KEY, 0.6))
        fill(picture, see(pose.far_arm), mix(fur, INK, 0.4))
        far_ear = see(pose.far_ear)
        fill(picture, far_ear + warm_edge, mix(fur, KEY, 0.7))
        fill(picture, far_ear, mix(fur, INK, 0.3))
        breath = np.array((1.0, 1 + 0.010 * math.sin(t * 2.6)))
        # All rims before all fills, so that no joint shows a line.
        parts = [see(pose.body * breath), see(pose.neck), see(pose.near_ear), see(pose.head)]
        fill_each(picture, [part + cool_edge for part in parts], mix(INK, COOL, 0.75))
        fill_each(picture, [part + warm_edge for part in parts], mix(INK, KEY, 0.95))
        fill_each(picture, parts, fur)
        fill(picture, see(pose.collar), mix(INK, NEON, 0.80))
        fill(picture, see(ellipse(0.150, -0.600, 0.026, 0.026, steps=20)), mix(INK, KEY, 0.95))
        self._draw_eye(picture, see, pose.eye, t)
        fill(picture, see(pose.near_rim) + warm_edge, mix(INK, KEY, 0.95))
        fill(picture, see(pose.near_arm), fur)
        for whisker in pose.whiskers:
            stroke(picture, see(spline(whisker, closed=False, steps=6)), mix(INK, KEY, 0.75), self._shot.height * 0.0012)

    def _draw_eye(self, picture: Picture, see: Callable[[Points], Points], eye: Points, t: float) -> None:
        open_ = 1.0 if (t % 2.9) > 0.14 else 0.12
        centre = eye.mean(0)
        fill(picture, see((eye - centre) * (1, open_) + centre), (190, 240, 130))
        fill(picture, see(ellipse(0, 0, 0.007, 0.020 * open_, steps=12) + centre + (0.006, 0)), INK)

    def _draw_notes(self, picture: Picture, t: float) -> None:
        width, height = self._shot.width, self._shot.height
        for number in range(int(self._shot.seconds / 0.52) + 1):
            age = t - (0.35 + number * 0.52)
            if not 0 <= age <= 3.1:
                continue
            share = age / 3.1
            path = (-0.10, 0.30, 0.75)[(number * 2 + number // 3) % 3]
            x = self._piano_x + self._scale * (0.10 + share * path + 0.04 * math.sin(age * 2.2 + number * 1.7))
            y = FLOOR - self._scale * (0.66 + 0.78 * share**0.8)
            opacity = smooth(share * 6) * (1 - smooth((share - 0.62) / 0.38))
            size = 0.32 * self._scale * (0.75 + 0.25 * smooth(share * 4))
            shapes = [self._camera.see(place(part, size, x, y, 0.25 * math.sin(age * 2 + number)), 1.05) for part in note(number % 2)]
            corner = np.floor(np.concatenate(shapes).min(0)) - 4
            extent = np.ceil(np.concatenate(shapes).max(0)) + 5 - corner
            if (corner + extent < 0).any() or corner[0] > width or corner[1] > height:
                continue
            mask = np.zeros((int(extent[1]), int(extent[0])), np.uint8)
            for shape in shapes:
                cv2.fillPoly(mask, [np.round((shape - corner) * 32).astype(np.int32)], 255, cv2.LINE_AA, 5)
            tint = (KEY, NEON, NEON_BLUE)[number % 3]
            margin = int(height * 0.014)
            spread = cv2.copyMakeBorder(mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
            halo = np.asarray(cv2.GaussianBlur(spread, (0, 0), height * 0.006), np.uint8)
            blend(picture, halo, corner[0] - margin, corner[1] - margin, tint, 0.45 * opacity)
            blend(picture, mask, corner[0], corner[1], mix(tint, np.array((255, 250, 240), np.float32), 0.45), opacity)

    def _draw_dust(self, picture: Picture, t: float) -> None:
        """Motes, bright where the middle beam is."""
        x, y, depth, phase, brightness = self._dust.T
        across = x + 0.03 * np.sin(t * 0.35 + phase)
        down = ((y + 0.5 - t * 0.012 * depth + 0.02 * np.sin(t * 0.6 + phase)) % 1.05) - 0.52
        unit = (1 + (self._camera.zoom - 1) * depth) * self._shot.height
        left = (across - self._camera.x * depth) * unit + self._shot.width / 2
        top = (down - self._camera.y * depth) * unit + self._shot.height / 2
        lit = 0.25 + 0.75 * np.exp(-((across / 0.45) ** 2))
        twinkle = brightness * (0.45 + 0.55 * np.sin(t * 1.3 + phase * 3) ** 2) * lit
        for number in np.nonzero(twinkle > 0.10)[0]:
            glow = disc(max(2.0, self._shot.height * 0.0036 * depth[number]), 1.6)[..., None]
            add_glow(picture, (glow * (KEY * (0.62 * twinkle[number]))).astype(np.uint8), left[number], top[number])

    def _draw_audience(self, picture: Picture, t: float, beat: float) -> None:
        """Heads in the hall, out of focus: drawn small, blurred, laid over the lower third."""
        width, height, shrink = self._shot.width, self._shot.height, LIGHT_SHRINK
        top = int(height * 0.66)
        rows, columns = math.ceil((height - top) / shrink), math.ceil(width / shrink)
        heads, rims = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
        for x, y, size, phase in self._audience:
            nod = 0.005 * math.sin(beat * math.pi + phase)
            for shape in head_and_shoulders(x + 0.8 * nod, y + nod, size):
                pixels = self._camera.see(shape, HALL_DEPTH, shrunk=1 / shrink) - (0, top / shrink)
                cv2.fillPoly(rims, [np.round((pixels - (0, height * 0.006 / shrink)) * 32).astype(np.int32)], 255, cv2.LINE_AA, 5)
                cv2.fillPoly(heads, [np.round(pixels * 32).astype(np.int32)], 255, cv2.LINE_AA, 5)
        rims = np.asarray(cv2.subtract(rims, heads), np.uint8)
        blur, band = height * 0.0052 / shrink, picture[top:]
        size_of_band = (width, height - top)
        shade = cv2.resize(255 - cv2.GaussianBlur(heads, (0, 0), blur), size_of_band, interpolation=cv2.INTER_LINEAR)
        edge = cv2.resize(cv2.GaussianBlur(rims, (0, 0), blur), size_of_band, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(band, cv2.merge([shade] * 3), dst=band, scale=1 / 255.0)
        warm = (KEY * 1.15 + NEON * 0.2) / 255.0
        cv2.add(band, cv2.merge([cv2.convertScaleAbs(edge, alpha=float(part)) for part in warm]), dst=band)
        for number, (left, size_of_flame) in enumerate(((-0.60, 0.55), (-0.06, 0.42), (0.47, 0.5), (0.74, 0.6))):
            flicker = 0.8 + 0.2 * math.sin(t * 9 + number * 2.1) * math.sin(t * 5.3 + number)
            (where,) = self._camera.see([(left, 0.415)], HALL_DEPTH)
            candle: Plane = np.minimum(disc(height * 0.028 * size_of_flame, 0.6) * 1.4, 1)
            add_glow(picture, (candle[..., None] * (KEY * (0.62 * flicker))).astype(np.uint8), where[0], where[1])
