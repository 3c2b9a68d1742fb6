"""A guess at a picture's depth by classic means: what stands low, apart from the border's colours, and sharp, is near; the sky is far."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dustreel.providers.sandbox.kit import Picture, Plane

# Depth is smooth: more pixels would only add noise.
WORKING_SIDE = 256


def guess_depth(picture: Picture) -> Plane:
    """0 far to 1 near, at a working size."""
    scale = WORKING_SIDE / max(picture.shape[:2])
    size = (max(8, int(picture.shape[1] * scale)), max(8, int(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = small.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    x, y = _plane(columns / width), _plane(rows / height)
    grey = _plane(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) / 255.0)
    apart = _apart_from_border(small) * (0.35 + 0.65 * np.exp(-(((x - 0.5) / 0.42) ** 2 + ((y - 0.55) / 0.45) ** 2)))
    edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1), cv2.CV_32F))
    blurred = _plane(cv2.GaussianBlur(edges, (0, 0), width / 26))
    sharp = blurred / (float(blurred.max()) + 1e-6)
    rough = _plane((0.42 * y**1.15 + 0.40 * apart + 0.22 * sharp) * (1 - 0.75 * _sky(grey, y)))
    depth = _plane(cv2.GaussianBlur(rough, (0, 0), width / 70))
    for _ in range(2):
        depth = _guided(grey, depth, max(9, (width // 14) | 1), 2e-3)
    depth = _plane(cv2.GaussianBlur(depth, (0, 0), width / 90))
    low, high = np.percentile(depth, 2), np.percentile(depth, 98)
    return np.asarray(np.clip((depth - low) / (high - low + 1e-6), 0, 1), np.float32)


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
    return np.asarray(np.clip(apart / (np.percentile(apart, 98) + 1e-6), 0, 1), np.float32)


def _sky(grey: Plane, y: Plane) -> Plane:
    """Smooth regions that touch the top."""
    texture = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 3)), (0, 0), 3)
    flat = (texture < np.percentile(texture, 45)).astype(np.uint8)
    _, regions = cv2.connectedComponents(flat)
    touching = [region for region in np.unique(regions[:3]) if region]
    sky = np.isin(regions, touching).astype(np.float32) * (y < 0.75)
    return np.asarray(cv2.GaussianBlur(sky.astype(np.float32), (0, 0), 3), np.float32)


def _guided(guide: Plane, plane: Plane, size: int, smoothness: float) -> Plane:
    """He, Sun and Tang's guided filter: smooth, but along the guide's edges."""

    def mean(values: ArrayLike) -> Plane:
        return _plane(cv2.boxFilter(_plane(values), -1, (size, size), borderType=cv2.BORDER_REFLECT))

    guide_mean, plane_mean = mean(guide), mean(plane)
    slope = _plane((mean(guide * plane) - guide_mean * plane_mean) / (mean(guide * guide) - guide_mean * guide_mean + smoothness))
    return _plane(mean(slope) * guide + mean(plane_mean - slope * guide_mean))


def _plane(values: ArrayLike) -> Plane:
    return np.asarray(values, np.float32)
