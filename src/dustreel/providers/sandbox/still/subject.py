"""The subject of a picture, where it has a clear one: a soft mask, what colours it really has, and what may be behind it.

Only what certainly is all of a subject is cut out: something before a plain ground, or a picture that came with its own mask. Half a
subject would come apart when it moves, which is worse than a whole picture that bends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.kit import Picture, Plane
from dustreel.providers.sandbox.still.depth import Sight, guided, plane

_ROUNDS = 4
# Colours told apart: 16 of lightness, 32 by 32 of hue.
_SHADES = 16 * 32 * 32
# Shares of the picture: less is a speck, more is the picture itself.
_LEAST, _MOST = 0.012, 0.55
# Of how many that stand out one may be the subject.
_TRIES = 4
# Of the hull around it.
_WHOLE = 0.42
# How much Lab changes from pixel to pixel along most of a clear outline, at the working size.
_CLEAR = 6.0
# A plain ground has fewer places than this share of it that look like more than ground.
_LEFT, _BUSY = 0.08, 0.06
# A mask that covers more tells nothing apart.
_ALL = 0.97
# A mask's edge is found at this size, and only enlarged beyond it.
_MATTE_SIDE = 720


@dataclass(frozen=True, slots=True)
class Subject:
    alpha: Picture
    """0 to 255, as large as the picture."""
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in the picture's pixels."""
    stands: bool
    """All of it is seen, down to its feet; else the picture's lower edge cuts it."""


def find_subject(picture: Picture, sight: Sight, alpha: Picture | None) -> Subject | None:
    """`alpha`: the picture's own, where it has one."""
    if alpha is None:
        rough = _rough(sight)
        if rough is None:
            return None
        alpha = _matte(picture, rough)
    columns, rows = np.flatnonzero(alpha.max(0) > 8), np.flatnonzero(alpha.max(1) > 8)
    # All of it solid, or nothing to be seen.
    if not len(columns) or float((alpha > 127).mean()) > _ALL:
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Subject(alpha, box, stands=box[3] < picture.shape[0] * 0.985)


def behind(picture: Picture, subject: Subject) -> Picture:
    """The picture without its subject."""
    reach = max(3, round(picture.shape[1] * 0.006)) | 1
    covered = np.asarray(cv2.dilate(subject.alpha, np.ones((reach, reach), np.uint8)), np.uint8)
    return _mixed(picture, _spread(picture, covered < 24), np.asarray(cv2.blur(covered, (reach, reach)), np.uint8))


def own_colours(picture: Picture, subject: Subject) -> Picture:
    """The picture with the subject's colours carried out over its soft edge, where the background shines through."""
    inwards = max(3, round(picture.shape[1] * 0.004)) | 1
    solid = np.asarray(cv2.erode((subject.alpha > 244).astype(np.uint8) * np.uint8(255), np.ones((inwards, inwards), np.uint8)), np.uint8)
    return _mixed(_spread(picture, solid > 0), picture, solid)


def _rough(sight: Sight) -> Plane | None:
    """0 or 1 at the working size; None where nothing stands out."""
    height, width = sight.small.shape[:2]
    rim = max(3, width // 12)
    sides = np.concatenate([part.ravel() for part in (sight.busy[:rim], sight.busy[:, :rim], sight.busy[:, -rim:])])
    # It could only find what `_is_plain` refuses.
    if float((sides > _BUSY).mean()) > 3 * _LEFT:
        return None
    level, _ = cv2.threshold((sight.salient * 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    certain = sight.salient > max(level * 1.6 / 255, float(np.percentile(sight.salient, 96)))
    edge = max(2, width // 64)
    # Subjects are often cut by the lower edge, and seldom by another.
    ground = np.zeros((height, width), bool)
    ground[:edge] = ground[:, :edge] = ground[:, -edge:] = True
    figure = plane((sight.salient > level / 255) & ~ground)
    lab = cv2.cvtColor(cv2.bilateralFilter(sight.small, 5, 30, 5), cv2.COLOR_RGB2LAB).astype(np.int64)
    shades = (lab[..., 0] // 16 * 32 + lab[..., 1] // 8) * 32 + lab[..., 2] // 8
    for _ in range(_ROUNDS):
        figure = _like(shades, figure)
        figure[certain], figure[ground] = 1, 0
    # The mixed colours of an outline fall on either side of it by chance.
    figure = plane(cv2.GaussianBlur(figure, (0, 0), 1.3))
    return next((part for part in _parts((figure > 0.6).astype(np.uint8), sight.salient) if _is_clear(sight, part)), None)


def _like(shades: NDArray[np.int64], figure: Plane) -> Plane:
    """How far each place has the colours of the figure rather than of the rest; about a place, all decide.

    GrabCut would do it somewhat better, but a picture of one colour, or of noise, keeps its minimal cut busy for minutes.
    """
    inside = np.bincount(shades.ravel(), figure.ravel(), _SHADES) / max(float(figure.sum()), 1.0)
    outside = np.bincount(shades.ravel(), 1 - figure.ravel(), _SHADES) / max(float((1 - figure).sum()), 1.0)
    likely = plane(inside / (inside + outside + 1e-9))[shades]
    return plane(np.clip((cv2.GaussianBlur(likely, (0, 0), 1.2) - 0.3) / 0.4, 0, 1))


def _parts(mask: Picture, salient: Plane) -> Iterator[Plane]:
    """What hangs together, without small holes and specks; first what stands out most in all."""
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    count, regions = cv2.connectedComponents(mask)
    weights = np.bincount(np.asarray(regions, np.int32).ravel(), salient.ravel(), count)
    weights[0] = 0
    for region in np.argsort(-weights)[: min(count - 1, _TRIES)]:
        part = (regions == int(region)).astype(np.uint8)
        outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        holes = np.asarray(cv2.drawContours(np.zeros_like(part), outlines, -1, 1, -1) - part, np.uint8)
        # A hole that is large shows the background, as between an arm and a body.
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(holes)
        small = [number for number in range(1, len(stats)) if stats[number, cv2.CC_STAT_AREA] < part.size * 0.002]
        part[np.isin(numbers, small)] = 1
        yield plane(part)


def _is_clear(sight: Sight, mask: Plane) -> bool:
    """Whether cutting it out will look right: a whole thing with an outline, and not a patch of a picture or a glow."""
    if not _LEAST < float(mask.mean()) < _MOST:
        return False
    solid = mask.astype(np.uint8)
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if float(solid.sum()) < _WHOLE * cv2.contourArea(cv2.convexHull(outlines[0])):
        return False
    lab = cv2.cvtColor(sight.small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    # The difference of the means of two pixels on either side.
    change = sum(np.square(cv2.Sobel(lab, cv2.CV_32F, *way, ksize=3) / 8).sum(-1) for way in ((1, 0), (0, 1)))
    sharpest = cv2.dilate(np.sqrt(plane(change)), np.ones((3, 3), np.uint8))
    along = sharpest[tuple(outlines[0][:, 0, ::-1].T)]
    return float(np.percentile(along, 35)) > _CLEAR and _is_plain(sight, solid)


def _is_plain(sight: Sight, solid: Picture) -> bool:
    """Whether nothing of note is left outside the mask."""
    outside = cv2.dilate(solid, np.ones((5, 5), np.uint8)) == 0
    noted = sight.apart > 0.55 * float(np.median(sight.apart[solid > 0]))
    return float((noted & outside).sum()) < _LEFT * float(solid.sum()) and float((sight.busy[outside] > _BUSY).mean()) < _LEFT


def _matte(picture: Picture, rough: Plane) -> Picture:
    """The mask laid along the picture's edges."""
    height, width = picture.shape[:2]
    scale = min(1.0, _MATTE_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    colours = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mask = plane(cv2.resize(rough, size, interpolation=cv2.INTER_LINEAR))
    reach = max(5, round(size[0] / rough.shape[1] * 2.2)) | 1
    # Each colour sees other edges: the strictest of the three is nearest to the truth.
    mattes = np.stack([guided(plane(colours[..., number]), mask, reach, 4e-4) for number in range(3)])
    matte = np.median(mattes, 0)
    # Nothing far from the mask, however like it in colour.
    near = cv2.dilate(mask, np.ones((reach, reach), np.uint8)), cv2.erode(mask, np.ones((reach, reach), np.uint8))
    matte = np.clip((np.clip(matte, near[1], near[0]) - 0.16) / 0.68, 0, 1)
    return np.asarray(cv2.resize((matte * 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _spread(picture: Picture, known: NDArray[np.bool_]) -> Picture:
    """The known colours carried softly into the rest (pull-push, as Gortler and others do), at an eighth to a quarter of the size."""
    height, width = picture.shape[:2]
    scale = min(0.25, 320 / max(height, width)) if max(height, width) > 640 else 0.5
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    # Only what is wholly known, or the subject's rim would be carried along.
    weight = (cv2.resize(known.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 250).astype(np.float32)
    colours = plane(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)) * weight[..., None]
    levels = [(colours, weight)]
    while min(levels[-1][1].shape) > 2:
        half = (max(1, levels[-1][1].shape[1] // 2), max(1, levels[-1][1].shape[0] // 2))
        levels.append((_halved(levels[-1][0], half), _halved(levels[-1][1], half)))
    filled = levels[-1][0] / np.maximum(levels[-1][1], 1e-3)[..., None]
    for colours, weight in reversed(levels[:-1]):
        larger = plane(cv2.resize(filled, (weight.shape[1], weight.shape[0]), interpolation=cv2.INTER_LINEAR))
        share = np.minimum(weight * 1.5, 1)[..., None]
        filled = larger * (1 - share) + colours / np.maximum(weight, 1e-3)[..., None] * share
    small = np.clip(filled + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _halved(values: Plane, size: tuple[int, int]) -> Plane:
    return plane(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def _mixed(first: Picture, second: Picture, share: Picture) -> Picture:
    """Of the second so much as `share`, 0 to 255, says; in bytes, since a large picture in floats is half a gigabyte."""
    part = cv2.merge([share] * 3)
    mixed = cv2.multiply(second, part, scale=1 / 255.0)
    cv2.bitwise_not(part, dst=part)
    return np.asarray(cv2.add(mixed, cv2.multiply(first, part, scale=1 / 255.0)), np.uint8)
