"""Anomaly maps of finished runs over slices of a few cases, in the style of the paper's Figure 2.

What is shown is not chosen by eye: the first cases (or a seeded draw), and of each the axial slice with the
largest lesion area.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.files import read_volume
from bench.results import load_run
from bench.seeds import numpy_generator
from datasets.case import Case
from datasets.dataset import Dataset
from leaderboard.figures.saving import save_figure
from leaderboard.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Plane = npt.NDArray[np.float32]

LESIONS = "magenta"
COLOURS = "inferno"
LOW, HIGH = 90.0, 99.9  # percentiles of a case's brain scores between which the colours run


@dataclass(frozen=True)
class Slice:
    """An axial plane of one case, x to the subject's right, y to the front: (X, Y) arrays."""

    case_id: str
    channel: str
    image: Plane
    brain: Plane
    lesions: Plane
    maps: dict[str, Plane]


def map_folders(run_files: Sequence[Path], table: Table) -> dict[str, Path]:
    """Row label -> folder of that row's first run, in the table's order; rows without maps are left out.

    run_files: the run.json files of the workspace.
    """
    by_key = {load_run(path).key: path.parents[2] for path in run_files}
    folders = {row.label: by_key.get(row.run_keys[0]) for row in table.rows if row.n}
    return {label: folder for label, folder in folders.items() if folder and (folder / "prepared").is_dir()}


def choose_cases(
    test_ids: Sequence[str], folders: Mapping[str, Path], count: int, seed: int | None = None
) -> list[str]:
    """The first `count` cases that every method has a map of; with a seed, a random draw of them.

    Raises BenchError when there is none.
    """
    common = [i for i in test_ids if all((folder / "prepared" / f"{i}.nii.gz").exists() for folder in folders.values())]
    if not folders or not common:
        raise BenchError("There is no case that every method has a map of: let the runs finish, or name fewer methods.")
    if seed is None:
        return common[:count]
    chosen = numpy_generator(seed, "figure").choice(len(common), min(count, len(common)), replace=False)
    return [common[i] for i in sorted(chosen)]


def draw_cases(
    dataset: Dataset, folders: Mapping[str, Path], output: Path, count: int = 4, seed: int | None = None
) -> list[Path]:
    """Draw cases as columns: the T1w with lesions outlined, below it each method's map. Writes PNG and PDF.

    folders: row title -> method folder with prepared/<id>.nii.gz. output: path, a suffix of a picture is replaced.
    Colours run from the 90th to the 99.9th percentile of the case's scores inside the brain, for each method.
    Returns the two paths. Raises BenchError when no case has all maps, or a map does not fit its case.
    """
    if not dataset.channels:
        raise BenchError("A dataset of labels has no images to draw: use --kind lesion-volume or froc.")
    wanted = choose_cases(dataset.test_ids, folders, count, seed)
    cases = (dataset.test[dataset.test_ids.index(case_id)] for case_id in wanted)
    return save_figure(_draw([_slice(case, folders) for case in cases]), output)


def _slice(case: Case, folders: Mapping[str, Path]) -> Slice:
    areas = case.brain_mask if case.lesion_mask is None or not case.lesion_mask.any() else case.lesion_mask
    z = int(_canonical(areas, case).sum(axis=(0, 1)).argmax())
    channel = case.channels.index("T1w") if "T1w" in case.channels else 0

    def plane(volume: npt.NDArray[Any]) -> Plane:
        return _canonical(volume, case)[:, :, z]

    lesion_mask = np.zeros_like(case.brain_mask) if case.lesion_mask is None else case.lesion_mask
    return Slice(
        case.id,
        case.channels[channel],
        plane(case.image[channel]),
        plane(case.brain_mask),
        plane(lesion_mask),
        {title: plane(_colour_scale(_load(folder, case), case)) for title, folder in folders.items()},
    )


def _extent(slices: Sequence[Slice]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The range of x and of y that holds the brain of every slice, with a margin of 2 voxels."""
    x, y = np.concatenate([np.nonzero(one.brain) for one in slices], axis=1)
    return (int(x.min()) - 2, int(x.max()) + 2), (int(y.min()) - 2, int(y.max()) + 2)


def _canonical(volume: npt.NDArray[Any], case: Case) -> npt.NDArray[np.float32]:
    """The volume with axes to the subject's right, front and top."""
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume.astype(np.float32), case.affine))
    return np.asarray(image.dataobj, dtype=np.float32)


def _load(folder: Path, case: Case) -> npt.NDArray[np.float32]:
    path = folder / "prepared" / f"{case.id}.nii.gz"
    try:
        volume, _ = read_volume(path, finite=False)
    except BenchError as error:
        raise BenchError(f"{path} cannot be read: run that method again.") from error
    if volume.shape != case.brain_mask.shape:
        raise BenchError(f"{path} has shape {volume.shape}, its case {case.brain_mask.shape}: run that method again.")
    return volume


def _colour_scale(anomaly_map: npt.NDArray[np.float32], case: Case) -> npt.NDArray[np.float32]:
    """0 at the case's 90th percentile inside the brain and below, 1 at its 99.9th and above, 0 outside."""
    low, high = np.percentile(anomaly_map[case.brain_mask], [LOW, HIGH])
    scaled = np.clip((anomaly_map - low) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
    return np.where(case.brain_mask, scaled, 0).astype(np.float32)


def _draw(slices: Sequence[Slice]) -> "Figure":
    from matplotlib.figure import Figure

    titles = list(slices[0].maps)
    (left, right), (back, front) = _extent(slices)
    tall = (front - back) / (right - left)
    size = (1.5 * len(slices) + 0.3, 1.5 * tall * (1 + len(titles)) + 0.8)
    figure = Figure(figsize=size, facecolor="white", layout="compressed")
    axes = figure.subplots(1 + len(titles), len(slices), squeeze=False)
    for column, one in enumerate(slices):
        axes[0, column].set_title(one.case_id, fontsize=7)
        _show(axes[0, column], one.image, "gray", -1.0)
        if one.lesions.any():
            axes[0, column].contour(one.lesions.T, levels=[0.5], colors=LESIONS, linewidths=0.7)
        for row, title in enumerate(titles, start=1):
            shown = _show(axes[row, column], one.maps[title], COLOURS, 0.0)
            axes[row, column].contour(one.brain.T, levels=[0.5], colors="0.4", linewidths=0.3)
    for one_axes in axes.flat:
        one_axes.set(xlim=(left, right), ylim=(back, front), facecolor="black")
    for row, title in enumerate([f"{slices[0].channel} and lesions", *titles]):
        axes[row, 0].set_ylabel(title.replace(":", "\n"), fontsize=7)
    _mark_sides(axes[0, 0])
    bar = figure.colorbar(shown, ax=list(axes.flat), location="bottom", shrink=0.6, pad=0.01, ticks=[0, 1], aspect=30)
    bar.ax.set_xticklabels([f"{LOW:g}th", f"{HIGH:g}th"], fontsize=6)
    bar.set_label("percentile of the case's\nscores inside the brain", fontsize=6)
    return figure


def _show(axes: "Axes", plane: Plane, colours: str, lowest: float) -> Any:
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(plane.T, origin="lower", cmap=colours, vmin=lowest, vmax=1.0, interpolation="nearest")


def _mark_sides(axes: "Axes") -> None:
    """The subject's left and right, on the side where they are drawn."""
    for x, side in ((0.03, "L"), (0.97, "R")):
        align = "left" if side == "L" else "right"
        axes.text(x, 0.03, side, color="white", fontsize=7, ha=align, va="bottom", transform=axes.transAxes)
