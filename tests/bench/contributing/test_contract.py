"""The contract notices methods that break it."""

import numpy as np
import pytest

from bench.contributing.contract import check_method, tiny_dataset
from bench.detector import Detector, MethodInfo


class Good(Detector):
    """Distance to the mean healthy intensity."""

    info = MethodInfo(name="good", title="Good", reference="none")

    def fit(self, context):
        self.mean = np.mean([case.image[:, case.brain_mask].mean() for case in context.train])

    def score(self, case):
        return np.abs(case.image - self.mean).sum(axis=0, dtype=np.float32)


class WrongShape(Good):
    def score(self, case):
        return super().score(case)[:-1]


class WrongType(Good):
    def score(self, case):
        return super().score(case).astype(np.float64)


class NotFinite(Good):
    def score(self, case):
        return np.full_like(super().score(case), np.nan)


class PeeksAtLabels(Good):
    def score(self, case):
        anomaly_map = super().score(case)
        return anomaly_map if case.lesion_mask is None else anomaly_map + case.lesion_mask.astype(np.float32)


class OneStream(Good):
    """Draws from one generator, so a map depends on what was scored before."""

    def fit(self, context):
        super().fit(context)
        self.generator = np.random.default_rng(0)

    def score(self, case):
        return self.generator.random(case.brain_mask.shape, dtype=np.float32)


class Unseeded(Good):
    def fit(self, context):
        self.mean = np.random.default_rng().random()


class ChangesTheCase(Good):
    def score(self, case):
        anomaly_map = super().score(case)
        case.image[:] = 0
        return anomaly_map


class OneChannelOnly(Good):
    def score(self, case):
        (image,) = case.image
        return np.abs(image - self.mean).astype(np.float32)


class TwoChannelsOnly(OneChannelOnly):
    def skip(self, context):
        return None if len(context.channels) == 2 else "it needs two channels"

    def score(self, case):
        first, second = case.image
        return np.abs(first - second - self.mean).astype(np.float32)


class NeverRuns(Good):
    def skip(self, context):
        return "it needs three channels"

    def fit(self, context):
        raise AssertionError("a method that is skipped is not fitted")


def test_a_method_may_skip_what_it_cannot_run_on():
    checks = check_method(TwoChannelsOnly)
    assert [check for check in checks if check.problem] == []
    assert checks[0].point == "T1w: is skipped, it needs two channels"
    assert any(check.point.startswith("T1w and T2w: gives") for check in checks)


def test_a_method_that_never_runs_was_not_checked():
    assert check_method(NeverRuns)[-1].problem == "it skips both, so nothing was checked"


def test_a_reason_to_skip_is_in_words():
    wrong = type("Wrong", (Good,), {"skip": lambda self, context: True})
    assert "in words" in (check_method(wrong)[0].problem or "")


def test_a_good_method_passes():
    assert [check for check in check_method(Good) if check.problem] == []


@pytest.mark.parametrize(
    ("detector", "point", "problem"),
    [
        (WrongShape, "finite float32 map", "shape"),
        (WrongType, "finite float32 map", "float64"),
        (NotFinite, "finite float32 map", "not finite"),
        (PeeksAtLabels, "never looks at a label", "differ"),
        (OneStream, "whatever came between", "differ"),
        (Unseeded, "trained again with the same seed", "differ"),
        (ChangesTheCase, "leaves the case", "changed"),
        (OneChannelOnly, "T1w and T2w", "too many values"),
    ],
)
def test_a_broken_method_is_told_what_it_breaks(detector, point, problem):
    problems = [check for check in check_method(detector) if check.problem]
    assert any(point in check.point and problem in check.problem for check in problems)


def test_tiny_cases_are_proper_cases():
    dataset = tiny_dataset(("T1w",))
    case = dataset.test[0]
    assert case.image.shape == (1, 32, 32, 32) and case.image.dtype == np.float32
    assert (case.image[:, ~case.brain_mask] == -1).all() and np.abs(case.image).max() <= 1
    assert case.lesion_mask.any() and (case.brain_mask | ~case.lesion_mask).all()
    assert all(one.lesion_mask is None for one in (*dataset.train, *dataset.validation))
    assert [one.id for one in dataset.test] == list(dataset.test_ids)
