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
from leaderboard.figures.style import INK, MUTED, PAGE_WIDTH_IN, entitle
from leaderboard.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Plane = npt.NDArray[np.float32]

LESIONS = "#00e5d0"  # not among the colours of the maps
WRAPPED = 5  # panels in a row, of one case alone
MARGIN_IN = 0.3
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
    dataset: Dataset,
    folders: Mapping[str, Path],
    output: Path,
    count: int = 4,
    seed: int | None = None,
    title: str = "",
) -> list[Path]:
    """Draw cases as rows, as wide as a page: the T1w, then each method's map over it, lesions outlined on all.

    folders: row title -> method folder with prepared/<id>.nii.gz. output: path, a suffix of a picture is replaced.
    title: the line on top. Colours run from the 90th to the 99.9th percentile of the case's scores inside the brain,
    for each method. Writes PNG, PDF and SVG, and returns their paths. Raises BenchError when no case has all maps, or a
    map does not fit its case.
    """
    if not dataset.channels:
        raise BenchError("A dataset of labels has no images to draw: use --kind lesion-volume or froc.")
    wanted = choose_cases(dataset.test_ids, folders, count, seed)
    cases = (dataset.test[dataset.test_ids.index(case_id)] for case_id in wanted)
    return save_figure(draw_slices([case_slice(case, folders) for case in cases], title), output)


def case_slice(case: Case, folders: Mapping[str, Path]) -> Slice:
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


def draw_slices(slices: Sequence[Slice], title: str = "") -> "Figure":
    """A row for each case, a column for each method; one case alone is wrapped into rows of at most five panels."""
    from matplotlib.figure import Figure

    names = list(slices[0].maps)
    panels = [(one, name) for one in slices for name in [None, *names]]
    columns = min(1 + len(names), WRAPPED if len(slices) == 1 else 1 + len(names))
    rows = -(-len(panels) // columns)
    (left, right), (back, front) = _extent(slices)
    width = min(PAGE_WIDTH_IN, 1.8 * columns) - MARGIN_IN
    tall = width / columns * (front - back) / (right - left)
    figure = Figure(figsize=(width + MARGIN_IN, rows * (tall + 0.05) + 1.0), facecolor="white", layout="compressed")
    all_axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (one, name) in zip(all_axes, panels, strict=False):
        _show(axes, one, name)
        axes.set(xlim=(left, right), ylim=(back, front))
        if one is slices[0]:
            axes.set_title(_title(one, name), fontsize=5.5, color=INK, pad=2.5)
        if name is None and len(slices) > 1:
            axes.set_ylabel(one.case_id, fontsize=5.5, color=MUTED, labelpad=2)
    for spare in all_axes[len(panels) :]:
        spare.set_axis_off()
    _mark_sides(all_axes[0])
    _add_scale(figure, all_axes)
    alone = f" · {slices[0].case_id}" if len(slices) == 1 else f" · {len(slices)} of them shown"
    entitle(figure, f"{title}{alone}" if title else alone.removeprefix(" · "))
    return figure


def _title(one: Slice, name: str | None) -> str:
    if name is None:
        return f"{one.channel}, lesions"
    method, _, settings = name.partition(":")
    shown = [setting.rpartition(".")[2] for setting in settings.split(",") if setting]
    return "\n".join([method, *shown[:1]]) + (f" +{len(shown) - 1}" if len(shown) > 1 else "")


def _show(axes: "Axes", one: Slice, name: str | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    scan = np.where(one.brain > 0, one.image, np.nan)  # the page is white where there is no brain
    axes.imshow(scan.T, origin="lower", cmap="gray", vmin=-1.0, vmax=1.0, interpolation="nearest")
    if name is not None:
        scores = one.maps[name]
        over = np.where((one.brain > 0) & (scores > 0), scores, np.nan)
        axes.imshow(over.T, origin="lower", cmap=_colours(), vmin=0, vmax=1, interpolation="nearest")
    if one.lesions.any():
        axes.contour(one.lesions.T, levels=[0.5], colors=LESIONS, linewidths=0.6)


def map_colours(count: int) -> list[list[float]]:
    """Red, green, blue, alpha in 0..1 from the lowest score that has a colour to the highest.

    Inferno without its black end, which would read as a hole in the scan; the lowest scores let the scan through.
    """
    from matplotlib import colormaps

    colours = colormaps["inferno"](np.linspace(0.3, 1.0, count))
    colours[:, 3] = np.linspace(0.45, 1.0, count)
    return [[round(float(value), 4) for value in colour] for colour in colours]


def _colours() -> "Colormap":
    from matplotlib.colors import ListedColormap

    return ListedColormap(map_colours(256))


def _add_scale(figure: "Figure", all_axes: "list[Axes]") -> None:
    """The bar of colours at the bottom, and what the outline is."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(
        ScalarMappable(cmap=_colours()), ax=all_axes, location="bottom", shrink=0.25, pad=0.02, ticks=[0, 1], aspect=24
    )
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(length=0, pad=2)
    bar.ax.set_xticklabels([f"{LOW:g}th", f"{HIGH:g}th"], fontsize=5.5, color=MUTED)
    bar.set_label("percentile of the case's scores in the brain\nturquoise: lesions", fontsize=5.5, color=MUTED)


def _mark_sides(axes: "Axes") -> None:
    """The subject's left and right, on the side where they are drawn."""
    for x, side in ((0.02, "L"), (0.98, "R")):
        align = "left" if side == "L" else "right"
        axes.text(x, 0.0, side, color=MUTED, fontsize=5.5, ha=align, va="bottom", transform=axes.transAxes)
