"""Scan, lesions and anomaly maps of one case, small enough to stand in a page.

A map is stored as levels (one byte a voxel): level k says that the value exceeds the first k edges. Edges lie where so
many voxels of the brain exceed them, dense in the tail, and at every protocol's threshold: there, the prediction
in the page is the one that was scored, voxel for voxel.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import nibabel
import numpy as np
import numpy.typing as npt

from datasets.case import Case
from metrics.morphology import bounding_box, rim
from metrics.protocol import Protocol

Bytes = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.float64]

TAIL = np.geomspace(0.5, 1e-4, 110)  # shares of brain voxels above the edges
COLOUR_SHARES = (0.1, 0.001)  # between which the colours run, as in `leaderboard.figures.maps`
MARGIN = 2  # voxels around the brain, for predictions that grow beyond it


def volumes(
    case: Case,
    maps: Mapping[str, npt.NDArray[np.floating]],
    thresholds: Mapping[str, Mapping[str, float]],
    protocols: Sequence[Protocol],
) -> dict[str, Any]:
    """What the viewer takes, as JSON can hold it. Axes run to the subject's right, front and top.

    Args:
        case: With its image, brain mask and, if there are any, lesions.
        maps: Entry label -> anomaly map (X, Y, Z) on the case's grid.
        thresholds: Entry label -> protocol -> the threshold that was used for this case.
        protocols: Whose post-processing the page repeats.
    """
    grid = _Canonical.of(case)
    box = bounding_box(np.pad(grid.turned(case.brain_mask), MARGIN), margin=MARGIN)

    def cropped(volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.pad(grid.turned(volume), MARGIN)[box]

    brain = cropped(case.brain_mask)
    channel = case.channels.index("T1w") if "T1w" in case.channels else 0
    lesions = np.zeros_like(case.brain_mask) if case.lesion_mask is None else case.lesion_mask
    radii = {one.rim_radius for one in protocols} - {0}
    return {
        "id": case.id,
        "shape": list(brain.shape),
        "spacing_mm": [round(float(step), 4) for step in grid.spacing_mm],
        "channel": case.channels[channel],
        "scan": packed(_scan_bytes(cropped(case.image[channel]), brain)),
        "lesions": packed(cropped(lesions).astype(np.uint8)),
        "rims": {str(radius): packed(cropped(rim(case.brain_mask, radius)).astype(np.uint8)) for radius in radii},
        "maps": [
            {"label": label, **_map(cropped(anomaly_map), brain, thresholds.get(label, {}))}
            for label, anomaly_map in maps.items()
        ],
        "protocols": {f"{one.name}@{one.version}": _postprocessing(one) for one in protocols},
    }


@dataclass(frozen=True)
class _Canonical:
    """How a case's grid is turned so that its axes run to the right, front and top."""

    orientation: npt.NDArray[np.float64]
    spacing_mm: tuple[float, ...]

    @classmethod
    def of(cls, case: Case) -> Self:
        orientation = nibabel.io_orientation(case.affine)
        order = np.argsort(orientation[:, 0])
        return cls(orientation, tuple(case.spacing_mm[axis] for axis in order))

    def turned(self, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(nibabel.apply_orientation(volume, self.orientation))


def _scan_bytes(image: npt.NDArray[np.floating], brain: npt.NDArray[np.bool_]) -> Bytes:
    """1..255 over the range [-1, 1] of an image inside the brain, 0 outside."""
    grey = np.clip(np.rint((image + 1) / 2 * 254) + 1, 1, 255)
    return np.where(brain, grey, 0).astype(np.uint8)


def _map(
    scores: npt.NDArray[np.floating], brain: npt.NDArray[np.bool_], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    inside = scores[brain].astype(np.float64)
    edges = map_edges(inside, list(thresholds.values()))
    levels = np.zeros(scores.shape, np.uint8)
    levels[brain] = np.searchsorted(edges, inside, side="left")
    return {
        "levels": packed(levels),
        "edges": [float(edge) for edge in edges],
        "colours_from": float(np.quantile(inside, 1 - COLOUR_SHARES[0])),
        "colours_to": float(np.quantile(inside, 1 - COLOUR_SHARES[1])),
        "thresholds": {name: 1 + int(np.searchsorted(edges, value)) for name, value in thresholds.items()},
    }


def map_edges(inside: npt.NDArray[np.float64], thresholds: Sequence[float]) -> Levels:
    """Edges (K,), ascending, at most 255, for the brain's values of a map; every threshold is one of them."""
    tail = np.quantile(inside, 1 - TAIL, method="lower")
    return np.unique(np.concatenate([tail, np.asarray(thresholds, dtype=np.float64)]))[-255:]


def _postprocessing(protocol: Protocol) -> dict[str, Any]:
    names = ("removal_connectivity", "min_voxels", "rim_radius", "dilate", "dilate_inside_brain")
    return {name: asdict(protocol)[name] for name in names}


def packed(volume: Bytes) -> str:
    """Bytes in C order, deflated, as base64: the browser's DecompressionStream("deflate") reads them."""
    return base64.b64encode(zlib.compress(volume.tobytes(), 6)).decode("ascii")
