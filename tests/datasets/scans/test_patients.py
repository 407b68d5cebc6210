"""Patients without a lesion mask are neither learned from nor painted in."""

import pytest

from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.patients import why_patient


@pytest.mark.parametrize(
    ("case_id", "said", "why"),
    [
        ("sub-01", {"diagnosis": "MS"}, "diagnosis: MS"),
        ("sub-01", {"Group": "patient"}, "Group: patient"),
        ("sub-01", {"patient": "1"}, "patient: 1"),
        ("sub-01", {"dx": "F20.0"}, "dx: F20.0"),
        ("sub-patient07", {}, "the name"),
        ("sub-01", {"diagnosis": "healthy control"}, None),
        ("sub-01", {"diagnosis": "none"}, None),
        ("sub-01", {"group": "HC"}, None),
        ("sub-01", {"group": "A"}, None),  # a word for anything
        ("sub-01", {"group": "control patients"}, None),
        ("sub-01", {"patient": "0"}, None),
        ("sub-01", {"age": "34", "comment": "patient"}, None),
        ("sub-patience", {}, None),
    ],
)
def test_who_is_called_a_patient(case_id, said, why):
    assert why_patient(SubjectFiles(case_id, {}), said) == why


def test_an_unlabelled_patient_is_set_aside_and_a_labelled_one_tested(cohort, load):
    cohort.table("participant_id diagnosis\n" + "\n".join(f"sub-{k:02d} {'MS' if k < 2 else 'n/a'}" for k in range(10)))
    cohort.write(cohort.path("sub-01", "label-lesion_mask"), cohort.lesion())
    dataset = load(cohort.root, lesions={"set": "none"})
    (aside,) = dataset.set_aside
    assert aside.id == "sub-00"
    assert aside.reason.startswith("sub-00 is a patient (diagnosis: MS) without a lesion mask:")
    assert "sub-01" in dataset.test_ids
    everyone = {case.id for split in (dataset.train, dataset.validation, dataset.test) for case in split}
    assert everyone == {f"sub-{k:02d}" for k in range(1, 10)}


def test_how_many_healthy_subjects_get_lesions_is_said(cohort, load):
    said = [note for note in load(cohort.root).notes if "simulated lesions" in note]
    assert len(said) == 1 and said[0].startswith("1 test subject without a lesion mask counts as healthy")
    assert not any("simulated" in note for note in load(cohort.root, lesions={"set": "none"}).notes)
