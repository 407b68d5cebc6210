"""From a detector to anomaly maps on disk: unfinished cases are scored without their labels, timed and kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

import numpy as np

from bench.component import AnyComponent, FitContext, Fitted
from bench.detector import Detector
from bench.errors import BenchError, Skipped, stops_all
from bench.files import save_nifti
from bench.machine.memory import peak_mb, reset_peak
from bench.reporting import Reporter
from bench.runs.choice import ChosenMethod
from bench.runs.run_folder import RunFolder, Scored
from bench.runs.store import Store
from bench.together import Compute, Together
from datasets.cache import make_ahead
from datasets.case import Case, Cases, FloatArray, ScoreArray
from datasets.dataset import Dataset
from metrics.inputs import lowest_outside

Split: TypeAlias = Literal["test", "validation"]


@dataclass(frozen=True)
class FitFacts:
    """What a fit took.

    fit_s: seconds it takes when no trained part is in the store. inherited_fit_s: of these, what the parts took that
    came with the package, wherever they were trained. parameters: numbers that the parts learned, each counted once.
    """

    fit_s: float
    inherited_fit_s: float
    parameters: int


@dataclass(frozen=True)
class FittedDetector:
    """A detector that can score.

    parts: the trained parts it fetched. device: "cpu" or "cuda". fit_s, inherited_fit_s: see `FitFacts`.
    """

    detector: Detector
    parts: tuple[Fitted[AnyComponent], ...]
    fit_s: float
    inherited_fit_s: float
    device: str = "cpu"

    @property
    def facts(self) -> FitFacts:
        """What its fit took."""
        return FitFacts(self.fit_s, self.inherited_fit_s, self.parameters)

    @property
    def parameters(self) -> int:
        """Numbers that its trained parts learned, each part counted once."""
        return sum({part.component.key: part.parameters for part in self.parts}.values())

    @property
    def network_evaluations(self) -> int:
        """Forward passes that its trained parts made so far."""
        return sum({id(part.component): part.component.network_evaluations for part in self.parts}.values())


def fitted_detector(
    method: ChosenMethod,
    dataset: Dataset,
    store: Store,
    reporter: Reporter,
    compute: Compute | None = None,
    together: Together | None = None,
) -> FittedDetector:
    """The detector after `fit`. Raises Skipped when it says that it cannot run here.

    Args:
        method: Which, with its settings, seed and device.
        dataset: What it learns from.
        store: Where its trained parts are found and kept.
        reporter: Where progress goes.
        compute: How trainings use the device.
        together: The processes that train as one, if this is one of several.
    """
    device = method.device
    context = FitContext(
        train=dataset.train,
        validation=dataset.validation,
        channels=dataset.channels,
        training_fingerprint=dataset.training_fingerprint,
        seed=method.seed,
        device=device,
        store=store,
        reporter=reporter,
        dataset=dataset.name,
        compute=compute or Compute(),
        together=together or Together(),
    )
    detector = method.detector(method.config)
    why_not = detector.skip(context)
    if why_not:
        raise Skipped(why_not)
    start = time.perf_counter()
    detector.fit(context)
    own_s = time.perf_counter() - start - sum(part.spent_s for part in context.parts)
    trained_s = {part.component.key: part.fit_s for part in context.parts}
    inherited = {part.component.key for part in context.parts if part.folder.parent == store.shipped}
    reset_peak(device)  # of scoring alone: whether parts were trained or loaded should not show
    return FittedDetector(
        detector,
        tuple(context.parts),
        fit_s=round(own_s + sum(trained_s.values()), 1),
        inherited_fit_s=round(sum(trained_s[key] for key in inherited), 1),
        device=device,
    )


@dataclass(frozen=True)
class ScoringJob:
    """A method, its data, and the folder of its maps: all that a process needs to score, here or elsewhere."""

    method: ChosenMethod
    dataset: Dataset
    store: Store
    folder: RunFolder

    def fitted(self, reporter: Reporter) -> FittedDetector:
        """The method's detector after `fit`. Raises Skipped when it says that it cannot run here."""
        return fitted_detector(self.method, self.dataset, self.store, reporter)

    def cases(self, split: Split) -> Cases:
        """The cases of a split."""
        return self.dataset.test if split == "test" else self.dataset.validation


def score_case(fitted: FittedDetector, case: Case) -> tuple[FloatArray, Scored]:
    """The map of one case, without its label seen, and what it took: the one way from a detector to a map.

    Args:
        fitted: The detector, see `fitted_detector`.
        case: Any prepared case.

    Returns:
        The map (X, Y, Z), float32, with its lowest brain value outside the brain; seconds, network evaluations and
        memory.

    Raises:
        BenchError: When the detector gives something else than a map.
    """
    before = fitted.network_evaluations
    anomaly_map, runtime_s = timed_map(fitted.detector, case)
    evaluations = fitted.network_evaluations - before
    peak_memory_mb = round(peak_mb(fitted.device), 1)
    return anomaly_map, Scored(runtime_s=runtime_s, network_evaluations=evaluations, peak_memory_mb=peak_memory_mb)


def score_into(folder: RunFolder, fitted: FittedDetector, case: Case, split: Split) -> Scored:
    """Score a test or validation case and write its map or maps; the caller notes a test case as finished."""
    anomaly_map, scored = score_case(fitted, case)
    if split == "test":
        folder.write_maps(case, anomaly_map)
    else:
        save_nifti(folder.validation_path(case.id), anomaly_map, case.affine)
    return scored


@dataclass(frozen=True)
class Outcome:
    """What became of a case: what scoring it took, its maps being written, or why there are none."""

    index: int
    scored: Scored | None = None
    error: Exception | None = None


class Scorer(Protocol):
    """Fits one method and scores cases with it: `LocalScorer` here, others on other machines."""

    def fit(self) -> FitFacts:
        """Fit, the first time it is called. Raises Skipped when the method cannot run here."""

    def outcomes(self, split: Split, indices: Sequence[int]) -> Iterator[Outcome]:
        """Score these cases of a split and write their maps; each outcome as it is there, in any order."""


class LocalScorer:
    """Scores one case after another in this process.

    Args:
        job: What to fit, and where maps go.
        reporter: Where progress of the fit goes.
    """

    def __init__(self, job: ScoringJob, reporter: Reporter) -> None:
        self.job = job
        self.reporter = reporter

    @cached_property
    def fitted(self) -> FittedDetector:
        """Fitted when first needed, which is not at all when every case is scored."""
        return self.job.fitted(self.reporter)

    def fit(self) -> FitFacts:
        """Fit, the first time it is called."""
        return self.fitted.facts

    def outcomes(self, split: Split, indices: Sequence[int]) -> Iterator[Outcome]:
        """In the order given."""
        for index in indices:
            try:
                outcome = Outcome(index, score_into(self.job.folder, self.fitted, self.job.cases(split)[index], split))
            except Exception as error:
                outcome = Outcome(index, error=error)
            yield outcome


def score_unfinished(
    folder: RunFolder,
    dataset: Dataset,
    scorer: Scorer,
    reporter: Reporter,
    scored: Callable[[int], object] = lambda index: None,
) -> None:
    """Score the test cases that have no map yet; one that fails is recorded with its reason. A full disk stops all.

    scored: told the index of each case whose map was kept.
    """
    record = folder.record
    unfinished = [i for i, case_id in enumerate(dataset.test_ids) if not folder.is_scored(case_id)]
    if not unfinished:
        return
    make_ahead(dataset.test, unfinished)
    facts = scorer.fit()
    record.fit_s, record.inherited_fit_s, record.parameters = facts.fit_s, facts.inherited_fit_s, facts.parameters
    record.error = None
    folder.save()
    with reporter.task(f"{record.method}: scoring", len(unfinished)) as tick:
        for outcome in scorer.outcomes("test", unfinished):
            case_id = dataset.test_ids[outcome.index]
            if outcome.scored is not None:
                folder.note_scored(case_id, outcome.scored)
                scored(outcome.index)
            elif outcome.error is not None:
                if stops_all(outcome.error):
                    raise outcome.error
                folder.keep_failure(case_id, outcome.error)
            tick(note=case_id)


def score_validation(folder: RunFolder, dataset: Dataset, scorer: Scorer, reporter: Reporter) -> None:
    """Maps of the healthy validation cases, from which deployable thresholds are learned; all of them or an error."""
    cases = dataset.validation
    missing = {i: case.id for i, case in enumerate(cases) if not folder.validation_path(case.id).exists()}
    if not missing:
        return
    with reporter.task(f"{folder.record.method}: scoring healthy validation cases", len(missing)) as tick:
        for outcome in scorer.outcomes("validation", list(missing)):
            if outcome.error is not None:
                raise outcome.error
            tick(note=missing[outcome.index])


def timed_map(detector: Detector, case: Case) -> tuple[FloatArray, float]:
    """The map, its lowest brain value outside the brain, and the seconds it took; BenchError if it is no proper map."""
    start = time.perf_counter()
    anomaly_map = detector.score(case.without_lesion_mask())
    runtime_s = time.perf_counter() - start
    problem = map_problem(anomaly_map, case)
    if problem:
        raise BenchError(f"The map of {case.id} {problem}.")
    return lowest_outside(anomaly_map, case.brain_mask), runtime_s


def map_problem(anomaly_map: object, case: Case) -> str | None:
    """What is wrong with an anomaly map, as the end of a sentence; None when nothing is."""
    if not isinstance(anomaly_map, np.ndarray):
        return f"is a {type(anomaly_map).__name__}, but should be a numpy array"
    if anomaly_map.shape != case.brain_mask.shape:
        return f"has shape {anomaly_map.shape}, but should have {case.brain_mask.shape}"
    if anomaly_map.dtype != np.float32:
        return f"has dtype {anomaly_map.dtype}, but should have float32"
    return not_finite(anomaly_map, case)


def not_finite(anomaly_map: ScoreArray, case: Case) -> str | None:
    """The same, of its values inside the brain alone."""
    bad = int(np.count_nonzero(~np.isfinite(anomaly_map[case.brain_mask])))
    return f"has {bad} voxels inside the brain that are not finite" if bad else None
