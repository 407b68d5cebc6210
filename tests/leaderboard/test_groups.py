"""A board by groups of subjects, and patients told from healthy ones, by numbers worked out by hand."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.results import CaseResult, RunResult
from leaderboard.detection import detection, detection_of
from leaderboard.format import View
from leaderboard.groups import group_rows, groups_of, render_groups, thirds
from leaderboard.table import build_table
from tests.made_runs import make_run


def case(case_id: str, score: float, lesions_ml: tuple[float, ...] = (), dice: float | None = None) -> CaseResult:
    lesions = [(volume, True) for volume in lesions_ml]
    metrics = {"hd99_vox": dice, "lesion_components": float(len(lesions))}
    return CaseResult(id=case_id, threshold=1, metrics=metrics, lesions=lesions, image_score=score)


def run(cases: list[CaseResult], seed: int = 0) -> RunResult:
    return make_run("zscore", seed=seed, cases=cases, of=len(cases))


CASES = [
    case("sub-1", 3.0, (2.0,), 4.0),
    case("sub-2_ses-1", 1.0, (5.0, 5.0), 8.0),
    case("sub-3", 2.0, (30.0,), 6.0),
    case("sub-4", 1.0),
    case("sub-5", 0.0),
]
PEOPLE = {"sub-1": {"Sex": "F", "age": "30"}, "sub-2": {"Sex": "F"}, "sub-3": {"Sex": "M"}, "sub-4": {"Sex": "M"}}


def test_auroc_is_the_share_of_pairs_won_and_ties_count_half():
    found = detection_of([run(CASES)])
    assert found.auroc == pytest.approx(5.5 / 6)
    assert (found.patients, found.healthy) == (3, 2)
    assert found.interval.low <= found.auroc <= found.interval.high <= 1


def test_auroc_agrees_with_scikit_learn_and_its_interval_holds_the_truth():
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    patients, healthy = generator.normal(1, 1, 60), generator.normal(0, 1, 50)
    found = detection(patients, healthy)
    truth = [1] * 60 + [0] * 50
    assert found.auroc == pytest.approx(roc_auc_score(truth, np.concatenate([patients, healthy])))
    assert found.interval.low < 0.760 < found.interval.high and found.interval.high - found.interval.low < 0.25


def test_scores_are_averaged_over_seeds():
    other = [one.model_copy(update={"image_score": one.image_score + (one.id == "sub-4") * 4}) for one in CASES]
    assert detection_of([run(CASES), run(other, 1)]).auroc == pytest.approx(
        (0.5 + 1 + 2) / 6
    )  # sub-4 at 3: a tie, 0, 0


def test_no_auroc_without_healthy_subjects_or_without_scores():
    assert detection_of([run(CASES[:3])]) is None
    assert detection_of([run([one.model_copy(update={"image_score": None}) for one in CASES])]) is None


def test_groups_by_sex_with_means_and_their_own_auroc():
    runs = [run(CASES)]
    table = build_table(runs, metrics=["hd99_vox"])
    rows = {row.group: row for row in group_rows(table, runs, "sex", PEOPLE)}
    assert list(rows) == ["F", "M", "not known"]
    assert rows["F"].cells["hd99_vox"].mean == 6 and rows["F"].cases == 2
    assert rows["M"].cells["hd99_vox"].mean == 6 and rows["M"].cells["hd99_vox"].n == 1 and rows["M"].cases == 2
    assert rows["F"].detection.auroc == pytest.approx(3.5 / 4)  # 3 and 1 against 1 and 0
    assert rows["M"].detection.auroc == 1
    assert rows["not known"].detection is None
    for format in ("markdown", "rich", "json"):
        assert "not known" in render_groups(table, list(rows.values()), "sex", format, View())


def test_groups_by_lesion_volume_have_the_healthy_apart():
    groups = groups_of([run(CASES)], "lesion-volume", {})
    assert {name: list(ids) for name, ids in groups.items()} == {
        "2 ml": ["sub-1"],
        "10 ml": ["sub-2_ses-1"],
        "30 ml": ["sub-3"],
        "healthy": ["sub-4", "sub-5"],
    }


def test_equal_values_stay_together():
    groups = thirds({"a": 1, "b": 1, "c": 1, "d": 2, "e": 3, "f": 3}, "")
    assert [sorted(ids) for ids in groups.values()] == [["a", "b", "c"], ["d"], ["e", "f"]]


def test_what_is_not_known_is_refused():
    with pytest.raises(BenchError, match="says nothing of scanner of the test subjects: add a column scanner"):
        groups_of([run(CASES)], "scanner", PEOPLE)


def test_the_board_says_how_patients_are_told_from_healthy_subjects():
    (note,) = [note for note in build_table([run(CASES)]).notes if "AUROC" in note]
    assert note.startswith("zscore: AUROC") and "0.92" in note and "3 patients, 2 healthy" in note
