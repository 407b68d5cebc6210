"""Which files beside maps are labels, brain masks or neither."""

import numpy as np
import pytest

from bench.results import load_run
from bench.runs.workspace import Workspace
from tests.bench.runs.made_maps import IDS, SHAPE, evaluate, only_run, volumes, write


def test_without_brain_masks_the_brain_extracted_images_beside_the_labels_say_what_is_brain(folders):
    evaluate(folders / "maps", "--labels", folders / "labels")
    by_mask = only_run(folders)
    for index, name in enumerate(IDS):
        (folders / "labels" / f"{name}_desc-brain_mask.nii.gz").unlink()
        write(folders / "labels" / f"{name}_desc-brain_T1w.nii.gz", 100.0 * volumes(index)[0])
    shown = evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "by-image")
    assert shown.exit_code == 0, shown.output
    by_image = next(
        run for run in map(load_run, Workspace(folders / "workspace").run_files()) if run.method == "by-image"
    )
    assert [case.metrics for case in by_image.cases] == [case.metrics for case in by_mask.cases]


def test_of_two_images_beside_a_label_none_is_needed_where_there_is_a_brain_mask(folders):
    for run in ("run-1", "run-2"):
        write(folders / "labels" / f"sub-2_{run}_T1w.nii.gz", volumes(1)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0
    (folders / "labels" / "sub-2_desc-brain_mask.nii.gz").unlink()
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and "sub-2 has two files" in shown.output


def test_a_brain_mask_on_another_grid_sets_its_case_aside(folders):
    write(folders / "labels" / "sub-2_desc-brain_mask.nii.gz", np.ones((4, 5, 6), np.uint8))
    evaluate(folders / "maps", "--labels", folders / "labels")
    assert "(4, 5, 6), but" in only_run(folders).failed_cases["sub-2"]


def test_brain_masks_may_lie_elsewhere_under_plain_names(folders):
    for name in IDS:
        path = folders / "labels" / f"{name}_desc-brain_mask.nii.gz"
        (folders / "brains").mkdir(exist_ok=True)
        path.rename(folders / "brains" / f"{name}.nii.gz")
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and "name the folder that does with --brain-masks" in shown.output
    shown = evaluate(folders / "maps", "--labels", folders / "labels", "--brain-masks", folders / "brains")
    assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("labels/Patient3_lesion.nii.gz", "Patient3_lesion.nii.gz cannot be paired, its name does not begin with a"),
        ("labels/sub-4_dseg.nii.gz", "sub-4_dseg.nii.gz does not say that it is a label, as sub-1_label-lesion_mask"),
        ("labels/sub-2_lesion.nii.gz", "sub-2 has two files that could be its label"),
    ],
)
def test_labels_that_cannot_be_paired_stop_the_command(folders, file, sentence):
    write(folders / file, volumes(1)[1])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and sentence in shown.output and str(folders / file) in shown.output


def test_a_label_under_another_id_counts_as_a_case_without_a_map(folders):
    write(folders / "labels" / "sub-02a-2_label-lesion_mask.nii.gz", volumes(1)[1])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 1 and "3/4" in shown.output


def test_images_are_never_labels(folders):
    evaluate(folders / "maps", "--labels", folders / "labels")
    before = only_run(folders)
    for index, name in enumerate(IDS):
        label = folders / "labels" / f"{name}_label-lesion_mask.nii.gz"
        label.rename(folders / "labels" / f"{name}_seg.nii.gz")
        for image in ("desc-lesionfilled_T1w", "FLAIR", "t1ce"):
            write(folders / "labels" / f"{name}_{image}.nii.gz", volumes(index)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0
    assert [case.metrics for case in only_run(folders).cases] == [case.metrics for case in before.cases]


def test_a_bare_mask_beside_a_label_is_that_of_the_brain(folders):
    for name in IDS:
        brain = folders / "labels" / f"{name}_desc-brain_mask.nii.gz"
        brain.rename(folders / "labels" / f"{name}_mask.nii.gz")
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0


def test_two_images_beside_a_brain_mask_do_no_harm(folders):
    for image in ("T1w", "desc-brain_T1w"):
        write(folders / "labels" / f"sub-1_{image}.nii.gz", volumes(0)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0


def test_a_link_without_content_is_one_sentence(folders):
    label = folders / "labels" / "sub-2_label-lesion_mask.nii.gz"
    label.unlink()
    label.symlink_to("gone.nii.gz")
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and f"{label} cannot be opened; fetch its content if it is a link." in shown.output


def test_a_scaled_label_is_no_healthy_subject_but_an_empty_one_is(folders):
    label = folders / "labels" / "sub-2_label-lesion_mask.nii.gz"
    write(label, (0.45 * volumes(1)[1]).astype(np.float32))
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 1 and "2/3" in shown.output
    assert "has values, such as 0.45, but none reaches 0.5; is it scaled?" in only_run(folders).failed_cases["sub-2"]
    write(label, np.zeros(SHAPE, np.uint8))
    assert evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "b").exit_code == 0
