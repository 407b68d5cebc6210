"""The picture of a prediction: scan with the mask outlined, and map, in three planes. Only what is brain is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import numpy.typing as npt

from bench.files import atomic_path
from bench.models.manifest import Manifest
from bench.predicting.answer import Answer
from datasets.case import Affine

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Volume = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]

MASK = "#00e5ff"
COLOURS = "plasma"
DOTS_PER_INCH = 110
PLANES = (("axial", 2, "LR"), ("coronal", 1, "LR"), ("sagittal", 0, "PA"))  # name, axis looked along, marks
MARGIN_MM = 6.0
LOWEST, HIGHEST = 1.0, 99.5  # percentiles of the brain's intensities, from black to white


@dataclass(frozen=True)
class Shown:
    """Volumes turned to RAS and cut to the brain: (X, Y, Z). spacing_mm: edges of their voxels."""

    image: Volume
    brain: Volume
    scores: Volume
    mask: Volume
    spacing_mm: tuple[float, float, float]


def save_picture(answer: Answer, manifest: Manifest, path: Path) -> None:
    """Draw and write a PNG, byte for byte the same for the same answer."""
    figure = drawn(answer, manifest)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, metadata={"Software": None}, facecolor="black")


def shown(answer: Answer) -> Shown:
    """What is drawn. Outside the brain the image is black: a face is never seen."""
    scan = answer.scan
    image = np.where(scan.brain_mask, scan.images[0], np.nan)
    volumes = [canonical(v, scan.affine) for v in (image, scan.brain_mask, answer.anomaly_map, answer.mask)]
    spacing = [float(edge) for edge in canonical_spacing_mm(scan.affine)]
    brain = volumes[1] > 0.5
    box = []
    for axis in range(3):
        inside = np.flatnonzero(brain.any(axis=tuple({0, 1, 2} - {axis})))
        margin = round(MARGIN_MM / spacing[axis])
        box.append(slice(max(0, inside[0] - margin), inside[-1] + 1 + margin))
    cut = [volume[tuple(box)] for volume in volumes]
    return Shown(cut[0], cut[1], cut[2], cut[3], (spacing[0], spacing[1], spacing[2]))


def canonical(volume: npt.NDArray[Any], affine: Affine) -> Volume:
    """The volume with axes to the subject's right, front and top."""
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume.astype(np.float32), affine))
    return np.asarray(image.dataobj, dtype=np.float32)


def canonical_spacing_mm(affine: Affine) -> npt.NDArray[np.float64]:
    """Voxel size along these axes."""
    orientation = nibabel.io_orientation(affine)
    sizes = np.empty(3)
    sizes[orientation[:, 0].astype(int)] = np.linalg.norm(affine[:3, :3], axis=0)
    return sizes


def slice_to_show(one: Shown, axis: int) -> int:
    """The plane with the most of the mask; without a mask, the one with the highest score.

    Among those that show at least half as much brain as the fullest one: a slice off the vertex tells nothing of where
    it is.
    """
    across = tuple({0, 1, 2} - {axis})
    inside = one.brain > 0.5
    area = inside.sum(axis=across)
    found = (one.mask > 0.5).sum(axis=across).astype(float)
    if not found.any():
        found = np.where(inside, one.scores, -np.inf).max(axis=across)
    return int(np.where(area >= area.max() / 2, found, -np.inf).argmax())


def drawn(answer: Answer, manifest: Manifest) -> "Figure":
    """Two rows of three planes: the scan with the mask's outline, and the map."""
    from matplotlib.figure import Figure

    one, sidecar = shown(answer), answer.sidecar
    low, high = np.nanpercentile(one.image, [LOWEST, HIGHEST])
    image = np.nan_to_num(np.clip((one.image - low) / max(high - low, 1e-12), 0, 1))
    colours = colour_range(manifest)
    figure = Figure(figsize=(9, 6.6), facecolor="black")
    grid = figure.add_gridspec(2, 3, left=0.035, right=0.9, top=0.905, bottom=0.02, wspace=0.03, hspace=0.04)
    for column, (name, axis, marks) in enumerate(PLANES):
        index = slice_to_show(one, axis)
        spacing = [size for i, size in enumerate(one.spacing_mm) if i != axis]
        planes = [np.take(volume, index, axis=axis).T for volume in (image, one.brain, one.scores, one.mask)]
        upper, lower = (figure.add_subplot(grid[row, column]) for row in range(2))
        for axes, white in ((upper, 1.0), (lower, 1.8)):  # dimmed under the map
            show(axes, planes[0], spacing, "gray", (0, white))
            mark_sides(axes, marks)
        if planes[3].any():
            upper.contour(planes[3], levels=[0.5], colors=MASK, linewidths=0.9)
        high_enough = np.ma.masked_where((planes[1] < 0.5) | (planes[2] < colours[0]), planes[2])
        mappable = show(lower, high_enough, spacing, COLOURS, colours)
        figure.text(upper.get_position().x0 + 0.14, 0.915, name, color="0.75", fontsize=8, ha="center")
    for y, text in ((0.69, f"{sidecar.channels[0]}, marked"), (0.245, "anomaly map")):
        figure.text(0.012, y, text, color="0.75", fontsize=8, rotation=90, va="center")
    bar = figure.colorbar(mappable, cax=figure.add_axes((0.915, 0.06, 0.014, 0.34)), extend="both")
    bar.ax.tick_params(colors="0.75", labelsize=7)
    bar.outline.set_visible(False)
    figure.text(0.035, 0.955, answer.scan.id, color="white", fontsize=11, weight="bold")
    figure.text(0.9, 0.955, headline(answer), color="0.85", fontsize=8.5, ha="right")
    return figure


def colour_range(manifest: Manifest) -> tuple[float, float]:
    """The same for all scans of a model: black is what half of healthy scans reach nowhere near, bright is rare."""
    thresholds = [one.value for one in manifest.thresholds]
    low, high = min(thresholds), max(*thresholds, manifest.healthy_scores[-1])
    return low, high + (high - low)


def headline(answer: Answer) -> str:
    """The figures of the scan in one line."""
    one = answer.sidecar
    return (
        f"{one.volumes.marked_ml:.1f} ml marked in {one.volumes.components} places "
        f"(healthy scans: {one.volumes.healthy_median_ml:.1f} ml)  ·  score above {one.image_score.percentile:.0f} % "
        f"of {one.image_score.healthy_scans} healthy scans"
    )


def show(axes: "Axes", plane: Plane, spacing: list[float], colours: str, limits: tuple[float, float]) -> Any:
    """A plane, its first axis upwards, with voxels as long as they are."""
    axes.set_axis_off()
    return axes.imshow(
        plane,
        origin="lower",
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        aspect=spacing[1] / spacing[0],
        interpolation="nearest",
    )


def mark_sides(axes: "Axes", marks: str) -> None:
    """The subject's own sides, where they are drawn: left and right, or back and front."""
    for x, side, align in ((0.02, marks[0], "left"), (0.98, marks[1], "right")):
        axes.text(x, 0.02, side, color="white", fontsize=9, ha=align, va="bottom", transform=axes.transAxes)
