"""A picture of a prepared head, to see at a glance whether brain extraction and registration went well.

Only the brain is shown, with a rim of 6 mm around it, in which one sees what a mask has cut off: never a face.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.files import atomic_path
from datasets.case import FloatArray
from datasets.preparing.heads import PreparedHead
from datasets.preparing.resampling import resample
from datasets.preparing.template import Template

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIM_VOXELS = 3
HEIGHTS_MM = (-30, -8, 14, 36, 56)  # of axial planes
SIDE_MM, FRONT_MM = 4, -18  # of the sagittal and the coronal plane
MASK, TEMPLATE = "#38bdf8", "#f59e0b"  # colours of the two outlines
DPI = 110


def write_montage(path: Path, prepared: PreparedHead, template: Template) -> None:
    """Write a PNG: a row a channel, five axial planes, a sagittal and a coronal one, as seen from below and behind
    (the subject's right is on the right)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images = shown_images(prepared)
    columns = len(HEIGHTS_MM) + 2
    figure = Figure(figsize=(1.75 * columns, 2.05 * len(images)), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(images), columns, squeeze=False)
    for row, (channel, image) in zip(axes, images.items(), strict=True):
        inside = image[prepared.scan.brain_mask]
        low, high = np.percentile(inside, [0.5, 99.5]) if inside.size else (0.0, 1.0)
        for axis, (plane, title) in zip(row, planes(template), strict=True):
            axis.imshow(image[plane].T, origin="lower", cmap="gray", vmin=min(low, 0), vmax=high)
            outline(axis, template.brain_mask[plane], TEMPLATE, 0.6)
            outline(axis, prepared.scan.brain_mask[plane], MASK, 0.8)
            axis.set_axis_off()
            axis.set_title(f"{channel}  {title}", color="#9ca3af", fontsize=7, pad=2)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


def shown_images(prepared: PreparedHead) -> dict[str, FloatArray]:
    """Channel -> the image on the template's grid, the brain and a rim around it."""
    from scipy import ndimage

    head, scan = prepared.head, prepared.scan
    x, y, z = scan.brain_mask.shape
    near = ndimage.binary_dilation(scan.brain_mask, iterations=RIM_VOXELS)
    place = np.array(prepared.transforms.template_to_first) @ scan.affine
    return {
        channel: np.where(near, resample(image, head.affines[channel], place, (x, y, z)), np.float32(0))
        for channel, image in head.images.items()
    }


def planes(template: Template) -> list[tuple[tuple[int | slice, ...], str]]:
    """Index of a plane of the template's grid, and its name."""

    def voxel(axis: int, at_mm: float) -> int:
        return round(float((at_mm - template.affine[axis, 3]) / template.affine[axis, axis]))

    whole = slice(None)
    axial = [((whole, whole, voxel(2, at)), f"z {at:+d} mm") for at in HEIGHTS_MM]
    sagittal = ((voxel(0, SIDE_MM), whole, whole), f"x {SIDE_MM:+d} mm")
    coronal = ((whole, voxel(1, FRONT_MM), whole), f"y {FRONT_MM:+d} mm")
    return [*axial, sagittal, coronal]


def outline(axis: "Axes", mask: npt.NDArray[np.bool_], colour: str, width: float) -> None:
    """The edge of a mask in a plane, if it has one there."""
    if mask.any() and not mask.all():
        axis.contour(mask.T, [0.5], colors=[colour], linewidths=width)
