"""Subjects as a whole: how well image-level scores tell patients from healthy test subjects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.results import CaseResult, RunResult
from leaderboard.statistics import RESAMPLES, Array, Interval


@dataclass(frozen=True)
class Detection:
    """Area under the ROC curve, its 95 % bootstrap interval over subjects of either kind, and how many there are."""

    auroc: float
    interval: Interval | None
    patients: int
    healthy: int


def is_patient(case: CaseResult) -> bool:
    """Whether the truth has a lesion."""
    return bool(case.lesions)


def lesion_ml(case: CaseResult) -> float:
    """The volume of all lesions of the truth."""
    return float(sum(volume_ml for volume_ml, _ in case.lesions))


def image_scores(runs: Sequence[RunResult]) -> dict[str, float]:
    """Case id -> image-level score, averaged over seeds; only of cases that have one under each seed."""
    by_seed = [{one.id: one.image_score for one in run.cases if one.image_score is not None} for run in runs]
    common = set.intersection(*(set(scores) for scores in by_seed)) if by_seed else set()
    return {case_id: float(np.mean([scores[case_id] for scores in by_seed])) for case_id in sorted(common)}


def detection(patients: Array, healthy: Array, seed: int = 0) -> Detection | None:
    """How well scores of patients stand above those of healthy subjects; None unless there are both.

    The share of pairs in which the patient's is higher, ties counting half (Hanley and McNeil 1982). Patients and
    healthy subjects are drawn again apart, so that there are always both.
    """
    if not len(patients) or not len(healthy):
        return None
    wins = (patients[:, None] > healthy) + 0.5 * (patients[:, None] == healthy)
    interval = None
    if min(wins.shape) > 1:
        generator = np.random.default_rng(seed)
        rows, columns = (generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n for n in wins.shape)
        low, high = np.quantile(((rows @ wins) * columns).sum(axis=1), (0.025, 0.975))
        interval = Interval(float(low), float(high))
    return Detection(float(wins.mean()), interval, *wins.shape)


def detection_of(runs: Sequence[RunResult], among: Mapping[str, object] | None = None) -> Detection | None:
    """Of one method's runs, a run for each seed. among: only patients with these ids; all healthy subjects count."""
    scores = image_scores(runs)
    patient = {case.id: is_patient(case) for run in runs for case in run.cases}
    chosen = [value for case_id, value in scores.items() if patient[case_id] and (among is None or case_id in among)]
    healthy = [value for case_id, value in scores.items() if not patient[case_id]]
    return detection(np.array(chosen), np.array(healthy))


def detection_text(found: Detection) -> str:
    """Such as "0.83 (0.70 to 0.93), 12 patients, 10 healthy"."""
    interval = f" ({found.interval.low:.2f} to {found.interval.high:.2f})" if found.interval else ""
    return f"{found.auroc:.2f}{interval}, {found.patients} patients, {found.healthy} healthy"
