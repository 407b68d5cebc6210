"""Figures: which case and slice, which colours, which side; and that files are written."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from bench.results import save_result
from datasets.case import Case
from datasets.dataset import Dataset
from leaderboard.figures.maps import (
    _colour_scale,
    _extent,
    case_slice,
    choose_cases,
    draw_cases,
    draw_slices,
    map_folders,
)
from leaderboard.table import build_table

SHAPE = (10, 12, 8)


@pytest.fixture
def case() -> Case:
    """A block of brain; one lesion voxel in plane 2, three in plane 5, on the subject's right (high x)."""
    brain_mask = np.zeros(SHAPE, bool)
    brain_mask[1:9, 1:11, 1:7] = True
    lesion_mask = np.zeros(SHAPE, bool)
    lesion_mask[2, 5, 2] = True
    lesion_mask[6:9, 5, 5] = True
    image = np.stack([np.where(brain_mask, 0.25, -1.0), np.where(brain_mask, 0.75, -1.0)]).astype(np.float32)
    return Case("sub-a", image, brain_mask, lesion_mask, np.diag([2.0, 2, 2, 1]), ("T2w", "T1w"))


def dataset_of(*cases: Case) -> Dataset:
    ids = tuple(case.id for case in cases)
    return Dataset("toy", ("T1w", "T2w"), [], [], cases, [], ids, "training", "fingerprint")


def write_map(folder: Path, case: Case, anomaly_map: np.ndarray) -> None:
    (folder / "prepared").mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(anomaly_map.astype(np.float32), case.affine)
    image.to_filename(folder / "prepared" / f"{case.id}.nii.gz")


def test_the_slice_is_the_one_with_the_largest_lesion_area(case: Case) -> None:
    shown = case_slice(case, {})
    assert shown.lesions.sum() == 3
    assert np.unique(shown.image).tolist() == [-1.0, 0.75]  # the T1w, wherever it stands among the channels


def test_without_lesions_the_slice_is_one_with_the_most_brain(case: Case) -> None:
    shown = case_slice(replace(case, lesion_mask=None), {})
    assert shown.lesions.sum() == 0
    assert shown.brain.sum() == 80


def test_the_extent_holds_every_brain_with_a_margin(case: Case) -> None:
    shifted = replace(case, brain_mask=np.roll(case.brain_mask, 1, axis=0))
    assert _extent([case_slice(case, {}), case_slice(shifted, {})]) == ((-1, 11), (-1, 12))


def test_the_subject_s_right_is_drawn_on_the_right_whatever_the_storage(case: Case) -> None:
    shown = case_slice(case, {})
    affine = np.diag([-2.0, 2, 2, 1])
    affine[0, 3] = 18.0
    flipped = Case("sub-a", case.image[:, ::-1], case.brain_mask[::-1], case.lesion_mask[::-1], affine, case.channels)
    assert np.array_equal(case_slice(flipped, {}).lesions, shown.lesions)
    assert np.nonzero(shown.lesions)[0].mean() > shown.lesions.shape[0] / 2


def test_colours_run_from_the_90th_to_the_99_9th_percentile_of_the_brain(case: Case) -> None:
    scores = np.full(SHAPE, 1e6)  # what lies outside the brain must not matter
    scores[case.brain_mask] = np.linspace(0, 1000, case.brain_mask.sum())
    scaled = _colour_scale(scores, case)
    inside = scaled[case.brain_mask]
    assert (inside == 0).mean() == pytest.approx(0.9, abs=0.01)
    assert inside[-1] == 1.0
    assert np.interp(949.5, scores[case.brain_mask], inside) == pytest.approx(0.5, abs=0.02)
    assert scaled[~case.brain_mask].max() == 0


def test_a_constant_map_has_no_colour(case: Case) -> None:
    assert _colour_scale(np.ones(SHAPE), case).max() == 0


def test_cases_are_the_first_that_every_method_has(tmp_path: Path, case: Case) -> None:
    ids = ["sub-a", "sub-b", "sub-c", "sub-d"]
    for one in ids:
        write_map(tmp_path / "x", replace(case, id=one), np.ones(SHAPE))
    for one in ids[1:]:
        write_map(tmp_path / "y", replace(case, id=one), np.ones(SHAPE))
    folders = {"x": tmp_path / "x", "y": tmp_path / "y"}
    assert choose_cases(ids, folders, 2) == ["sub-b", "sub-c"]
    drawn = choose_cases(ids, folders, 2, seed=1)
    assert drawn == choose_cases(ids, folders, 2, seed=1)
    assert len(set(drawn)) == 2
    assert "sub-a" not in drawn
    with pytest.raises(BenchError, match="no case that every method has"):
        choose_cases(ids, {**folders, "z": tmp_path / "z"}, 2)


def test_png_and_pdf_are_written_and_reproducible(tmp_path: Path, case: Case) -> None:
    rng = np.random.default_rng(0)
    other = replace(case, id="sub-b", lesion_mask=None)
    for method in ("zscore", "random"):
        for one in (case, other):
            write_map(tmp_path / method, one, rng.random(SHAPE))
    folders = {"zscore": tmp_path / "zscore", "random:seed=1": tmp_path / "random"}
    png, pdf, svg = draw_cases(dataset_of(case, other), folders, tmp_path / "out" / "slices.png")
    assert (png.name, pdf.name, svg.name) == ("slices.png", "slices.pdf", "slices.svg")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")
    again = draw_cases(dataset_of(case, other), folders, tmp_path / "again" / "slices")
    assert [path.read_bytes() for path in again] == [png.read_bytes(), pdf.read_bytes(), svg.read_bytes()]


@pytest.mark.parametrize("methods", [1, 8])
@pytest.mark.parametrize("cases", [1, 2])
def test_no_word_is_cut_off_at_the_edge(tmp_path: Path, case: Case, methods: int, cases: int) -> None:
    folders = {f"method-{i}:patches.density=flow": tmp_path for i in range(methods)}
    all_cases = [replace(case, id=f"sub-{i}") for i in range(cases)]
    for one in all_cases:
        write_map(tmp_path, one, np.ones(SHAPE))
    figure = draw_slices([case_slice(one, folders) for one in all_cases], "shown " * 30)
    figure.savefig(tmp_path / "drawn.png")
    width, height = figure.bbox.width, figure.bbox.height
    assert figure.get_figwidth() <= 7.2
    assert all(text.get_window_extent().x1 <= width for text in figure.texts)  # the line on top
    for axes in figure.axes:
        for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text


def test_a_map_of_another_shape_is_named(tmp_path: Path, case: Case) -> None:
    write_map(tmp_path / "x", case, np.ones((3, 3, 3)))
    with pytest.raises(BenchError, match=r"sub-a\.nii\.gz has shape \(3, 3, 3\)"):
        draw_cases(dataset_of(case), {"x": tmp_path / "x"}, tmp_path / "figure")


def test_map_folders_follow_the_table(tmp_path: Path, case: Case, make_run) -> None:
    runs = [make_run("a", tpr=[0.2]), make_run("b", tpr=[0.9]), make_run("c", of=1, status="failed")]
    files = [tmp_path / "runs" / "d" / run.method / "results" / "paper" / "run.json" for run in runs]
    for run, file in zip(runs, files, strict=True):
        save_result(file, run)
        write_map(file.parents[2], case, np.ones(SHAPE))
    found = map_folders(files, build_table(runs, metrics=["tpr"]))
    assert list(found.items()) == [
        ("b", tmp_path / "runs" / "d" / "b"),
        ("a", tmp_path / "runs" / "d" / "a"),
    ]
