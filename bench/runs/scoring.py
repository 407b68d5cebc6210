"""From a detector to anomaly maps on disk: unfinished cases are scored without their labels, timed and kept."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from bench.component import Component
from bench.context import FitContext
from bench.detector import Detector, MethodConfig
from bench.errors import BenchError
from bench.machine.memory import peak_mb, reset_peak
from bench.reporting import Reporter
from bench.runs.run_folder import RunFolder, Scored, save_nifti
from bench.runs.store import Store
from datasets.case import Case, FloatArray
from datasets.dataset import Dataset


def fitted_detector(
    detector_class: type[Detector],
    config: MethodConfig,
    dataset: Dataset,
    store: Store,
    seed: int,
    device: str,
    reporter: Reporter,
) -> tuple[Detector, FitContext, float]:
    """The detector after `fit`, its context, and the seconds its fit takes when nothing is in the store."""
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
    start, in_store = time.perf_counter(), store.fitting_s
    detector.fit(dataset.train, dataset.validation, context)
    own_s = time.perf_counter() - start - (store.fitting_s - in_store)
    fit_s = own_s + sum(store.cards[key].fit_s for key in {c.key for c in context.components})
    return detector, context, round(fit_s, 1)


def score_unfinished(
    folder: RunFolder,
    dataset: Dataset,
    fit: Callable[[], tuple[Detector, FitContext, float]],
    reporter: Reporter,
    scored: Callable[[int], object] = lambda index: None,
) -> None:
    """Score the test cases that have no map yet; one that fails is recorded with its reason.

    scored: told the index of each case whose map was kept.
    """
    record = folder.record
    unfinished = [i for i, case_id in enumerate(dataset.test_ids) if not folder.is_scored(case_id)]
    if not unfinished:
        return
    detector, context, record.fit_s = fit()
    reset_peak(record.device or "cpu")  # of scoring alone: whether components were trained or loaded should not show
    record.parameters = sum(context.store.cards[key].parameters for key in {c.key for c in context.components})
    record.error = None
    folder.save()
    with reporter.task(f"{record.method}: scoring", len(unfinished)) as tick:
        for index in unfinished:
            case_id = dataset.test_ids[index]
            try:
                case = dataset.test[index]
                evaluations = _network_evaluations(context.components)
                anomaly_map, runtime_s = timed_map(detector, case)
                evaluations = _network_evaluations(context.components) - evaluations
                record.peak_memory_mb = max(record.peak_memory_mb or 0.0, round(peak_mb(record.device or "cpu"), 1))
                folder.keep_map(case, anomaly_map, Scored(runtime_s=runtime_s, network_evaluations=evaluations))
                scored(index)
            except Exception as error:
                folder.keep_failure(case_id, error)
            tick(note=case_id)


def score_validation(
    folder: RunFolder,
    dataset: Dataset,
    fit: Callable[[], tuple[Detector, FitContext, float]],
    reporter: Reporter,
) -> None:
    """Maps of the healthy validation cases, from which deployable thresholds are learned."""
    cases = dataset.validation
    missing = [i for i, case in enumerate(cases) if not folder.validation_path(case.id).exists()]
    if not missing:
        return
    detector, _, _ = fit()
    with reporter.task(f"{folder.record.method}: scoring healthy validation cases", len(missing)) as tick:
        for index in missing:
            case = cases[index]
            save_nifti(folder.validation_path(case.id), timed_map(detector, case)[0], case.affine)
            tick(note=case.id)


def timed_map(detector: Detector, case: Case) -> tuple[FloatArray, float]:
    """The anomaly map, zero outside the brain, and the seconds it took; BenchError if it is no proper map."""
    start = time.perf_counter()
    anomaly_map = detector.score(case.without_lesion_mask())
    runtime_s = time.perf_counter() - start
    problem = map_problem(anomaly_map, case)
    if problem:
        raise BenchError(f"The map of {case.id} {problem}.")
    return np.where(case.brain_mask, anomaly_map, np.float32(0)).astype(np.float32), runtime_s


def map_problem(anomaly_map: object, case: Case) -> str | None:
    """What is wrong with an anomaly map, as the end of a sentence; None when nothing is."""
    if not isinstance(anomaly_map, np.ndarray):
        return f"is a {type(anomaly_map).__name__}, but should be a numpy array"
    if anomaly_map.shape != case.brain_mask.shape:
        return f"has shape {anomaly_map.shape}, but should have {case.brain_mask.shape}"
    if anomaly_map.dtype != np.float32:
        return f"has dtype {anomaly_map.dtype}, but should have float32"
    bad = int(np.count_nonzero(~np.isfinite(anomaly_map[case.brain_mask])))
    return f"has {bad} voxels inside the brain that are not finite" if bad else None


def _network_evaluations(components: Iterable[Component]) -> int:  # type: ignore[type-arg]
    return sum({id(c): c.network_evaluations for c in components}.values())
