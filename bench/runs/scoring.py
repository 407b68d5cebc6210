"""From a detector to anomaly maps on disk: unfinished cases are scored without their labels, timed and kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.component import AnyComponent, FitContext, Fitted
from bench.detector import Detector, MethodConfig
from bench.errors import BenchError, Skipped, stops_all
from bench.files import save_nifti
from bench.machine.memory import peak_mb, reset_peak
from bench.reporting import Reporter
from bench.runs.run_folder import RunFolder, Scored
from bench.runs.store import Store
from datasets.case import Case, FloatArray, ScoreArray
from datasets.dataset import Dataset
from metrics.inputs import lowest_outside


@dataclass(frozen=True)
class FittedDetector:
    """A detector that can score, and what its fit took.

    parts: the trained parts it fetched. fit_s: seconds its fit takes when none of them is in the store.
    inherited_fit_s: of these, what the parts took that came with the package, wherever they were trained.
    """

    detector: Detector
    parts: tuple[Fitted[AnyComponent], ...]
    fit_s: float
    inherited_fit_s: float

    @property
    def parameters(self) -> int:
        """Numbers that its trained parts learned, each part counted once."""
        return sum({part.component.key: part.parameters for part in self.parts}.values())

    @property
    def network_evaluations(self) -> int:
        """Forward passes that its trained parts made so far."""
        return sum({id(part.component): part.component.network_evaluations for part in self.parts}.values())


def fitted_detector(
    detector_class: type[Detector],
    config: MethodConfig,
    dataset: Dataset,
    store: Store,
    seed: int,
    device: str,
    reporter: Reporter,
) -> FittedDetector:
    """The detector after `fit`. Raises Skipped when it says that it cannot run here."""
    context = FitContext(
        train=dataset.train,
        validation=dataset.validation,
        channels=dataset.channels,
        training_fingerprint=dataset.training_fingerprint,
        seed=seed,
        device=device,
        store=store,
        reporter=reporter,
        dataset=dataset.name,
    )
    detector = detector_class(config)
    why_not = detector.skip(context)
    if why_not:
        raise Skipped(why_not)
    start = time.perf_counter()
    detector.fit(context)
    own_s = time.perf_counter() - start - sum(part.spent_s for part in context.parts)
    trained_s = {part.component.key: part.fit_s for part in context.parts}
    inherited = {part.component.key for part in context.parts if part.folder.parent == store.shipped}
    return FittedDetector(
        detector,
        tuple(context.parts),
        fit_s=round(own_s + sum(trained_s.values()), 1),
        inherited_fit_s=round(sum(trained_s[key] for key in inherited), 1),
    )


def score_unfinished(
    folder: RunFolder,
    dataset: Dataset,
    fit: Callable[[], FittedDetector],
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
    fitted = fit()
    record.fit_s, record.inherited_fit_s = fitted.fit_s, fitted.inherited_fit_s
    record.parameters = fitted.parameters
    reset_peak(record.device or "cpu")  # of scoring alone: whether components were trained or loaded should not show
    record.error = None
    folder.save()
    with reporter.task(f"{record.method}: scoring", len(unfinished)) as tick:
        for index in unfinished:
            case_id = dataset.test_ids[index]
            try:
                case = dataset.test[index]
                evaluations = fitted.network_evaluations
                anomaly_map, runtime_s = timed_map(fitted.detector, case)
                evaluations = fitted.network_evaluations - evaluations
                peak = round(peak_mb(record.device or "cpu"), 1)
                taken = Scored(runtime_s=runtime_s, network_evaluations=evaluations, peak_memory_mb=peak)
                folder.keep_map(case, anomaly_map, taken)
                scored(index)
            except Exception as error:
                if stops_all(error):
                    raise
                folder.keep_failure(case_id, error)
            tick(note=case_id)


def score_validation(
    folder: RunFolder,
    dataset: Dataset,
    fit: Callable[[], FittedDetector],
    reporter: Reporter,
) -> None:
    """Maps of the healthy validation cases, from which deployable thresholds are learned."""
    cases = dataset.validation
    missing = [i for i, case in enumerate(cases) if not folder.validation_path(case.id).exists()]
    if not missing:
        return
    detector = fit().detector
    with reporter.task(f"{folder.record.method}: scoring healthy validation cases", len(missing)) as tick:
        for index in missing:
            case = cases[index]
            save_nifti(folder.validation_path(case.id), timed_map(detector, case)[0], case.affine)
            tick(note=case.id)


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
