"""A guess at a picture's depth by classic means: what stands low, apart from the border's colours, and sharp, is near; the sky is far."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dustreel.providers.sandbox.kit import Picture, Plane

# Depth is smooth: more pixels would only add noise.
WORKING_SIDE = 256


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen in a picture at a working size."""

    small: Picture
    depth: Plane
    """0 far to 1 near."""
    apart: Plane
    """0 to 1: how much a place differs from what is along the border."""
    salient: Plane
    """The same, and more so about the middle, where subjects are."""
    busy: Plane
    """How much the lightness changes from pixel to pixel."""
    loose: Plane
    """0 to 1: leaves, grass and water, which the wind moves, and not walls, whose lines would bend."""


def see(picture: Picture) -> Sight:
    scale = WORKING_SIDE / max(picture.shape[:2])
    size = (max(8, int(picture.shape[1] * scale)), max(8, int(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = small.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    x, y = plane(columns / width), plane(rows / height)
    grey = plane(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) / 255.0)
    apart = _apart_from_border(small)
    salient = plane(apart * (0.35 + 0.65 * np.exp(-(((x - 0.5) / 0.42) ** 2 + ((y - 0.55) / 0.45) ** 2))))
    edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1), cv2.CV_32F))
    blurred = plane(cv2.GaussianBlur(edges, (0, 0), width / 26))
    sharp = blurred / (float(blurred.max()) + 1e-6)
    rough = plane((0.42 * y**1.15 + 0.40 * salient + 0.22 * sharp) * (1 - 0.75 * _sky(grey, y)))
    depth = plane(cv2.GaussianBlur(rough, (0, 0), width / 70))
    for _ in range(2):
        depth = guided(grey, depth, max(9, (width // 14) | 1), 2e-3)
    depth = plane(cv2.GaussianBlur(depth, (0, 0), width / 90))
    low, high = np.percentile(depth, 2), np.percentile(depth, 98)
    depth = plane(np.clip((depth - low) / (high - low + 1e-6), 0, 1))
    busy = plane(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    return Sight(small, depth, apart, salient, busy, _loose(grey))


def guided(guide: Plane, values: Plane, size: int, smoothness: float) -> Plane:
    """He, Sun and Tang's guided filter: smooth, but along the guide's edges."""

    def mean(of: ArrayLike) -> Plane:
        return plane(cv2.boxFilter(plane(of), -1, (size, size), borderType=cv2.BORDER_REFLECT))

    guide_mean, values_mean = mean(guide), mean(values)
    slope = plane((mean(guide * values) - guide_mean * values_mean) / (mean(guide * guide) - guide_mean * guide_mean + smoothness))
    return plane(mean(slope) * guide + mean(values_mean - slope * guide_mean))


def plane(values: ArrayLike) -> Plane:
    return np.asarray(values, np.float32)


def _apart_from_border(small: Picture) -> Plane:
    """How far each pixel is from the colours along the nearest of the four borders (Mahalanobis, in Lab)."""
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    edge = max(3, int(0.06 * min(small.shape[:2])))
    distances = []
    for border in (lab[:edge], lab[-edge:], lab[:, :edge], lab[:, -edge:]):
        colours = border.reshape(-1, 3)
        spread = np.linalg.inv(np.cov(colours.T) + np.eye(3) * 12)
        off = lab - colours.mean(0)
        distances.append(np.sqrt(np.einsum("hwi,ij,hwj->hw", off, spread, off)))
    nearest = np.sort(np.stack(distances), 0)
    apart = nearest[0] * 0.5 + nearest[1] * 0.3 + nearest[2] * 0.2
    return plane(np.clip(apart / (np.percentile(apart, 98) + 1e-6), 0, 1))


def _sky(grey: Plane, y: Plane) -> Plane:
    """Smooth regions that touch the top."""
    texture = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 3)), (0, 0), 3)
    flat = (texture < np.percentile(texture, 45)).astype(np.uint8)
    _, regions = cv2.connectedComponents(flat)
    touching = [region for region in np.unique(regions[:3]) if region]
    sky = np.isin(regions, touching).astype(np.float32) * (y < 0.75)
    return plane(cv2.GaussianBlur(sky.astype(np.float32), (0, 0), 3))


def _loose(grey: Plane) -> Plane:
    """Texture without a direction, by the eigenvalues of the structure tensor."""
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    around = grey.shape[1] / 40
    xx, yy, xy = (plane(cv2.GaussianBlur(product, (0, 0), around)) for product in (dx * dx, dy * dy, dx * dy))
    energy = xx + yy
    directed = np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / (energy + 1e-6)
    texture = np.clip(np.sqrt(energy) / 0.35, 0, 1)
    return plane(cv2.GaussianBlur(plane(texture * (1 - np.clip(directed * 1.3, 0, 1)) * 1.6), (0, 0), around)).clip(0, 1)
