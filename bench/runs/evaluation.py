"""From anomaly maps on disk to results under one protocol: case JSONs, cases.csv, run.json."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.errors import BenchError, reason, stops_all
from bench.files import write_text
from bench.machine.version import commit, version
from bench.reporting import LOG, Reporter
from bench.results import CaseResult, RunResult, save_result
from bench.runs.backend import Backend, LocalBackend
from bench.runs.bench import Bench
from bench.runs.case_pool import case_pool
from bench.runs.case_tables import cases_csv, summaries
from bench.runs.run_folder import RunFolder, digest, load_map
from bench.runs.thresholds import shared_threshold
from bench.runs.workspace import ResultsLayout
from datasets.dataset import Dataset
from metrics.definitions.standard import METRICS
from metrics.evaluate import evaluate_case
from metrics.image_score import image_score
from metrics.metric import Metric
from metrics.protocol import Protocol


def evaluate_and_track(bench: Bench, folder: RunFolder, dataset: Dataset, protocol: Protocol) -> RunResult:
    """Evaluate what is scored, say which cases failed, and track the result."""
    result = evaluate(folder, dataset, protocol, bench.reporter, bench.workers, bench.metrics)
    for case_id, why in result.failed_cases.items():
        bench.reporter.say(f"{result.method}: case {case_id} failed: {why}")
    begun_s = time.process_time()
    bench.tracker.log(result, folder)
    LOG.debug("%s: tracked in %.1f s of processor time", result.method, time.process_time() - begun_s)
    return result


def evaluate(
    folder: RunFolder,
    dataset: Dataset,
    protocol: Protocol,
    reporter: Reporter,
    workers: int | None = None,
    metrics: Sequence[Metric] = METRICS,
) -> RunResult:
    """Evaluate all scored cases that lack any of the metrics under this protocol, and write the run's tables.

    Args:
        folder: A run's maps.
        dataset: The cases that they are of, with labels.
        protocol: How maps become numbers.
        reporter: Where progress goes.
        workers: Cases at the same time; None for as many as there are cores. They do not change the result.
        metrics: What to measure; what was measured before is kept.

    Returns:
        The run's result, also when the method or some of its cases failed.
    """
    evaluation = Evaluation.begun(folder, dataset, protocol, metrics)
    failed = {case_id: why for case_id, why in folder.failures().items() if case_id in dataset.test_ids}
    error = folder.record.skipped or folder.record.error
    try:
        threshold = None if protocol.per_case else shared_threshold(folder, dataset, protocol, workers)
    except BenchError as problem:
        error = error or reason(problem)
        threshold = None
    cases: list[CaseResult] = []
    if error is None or protocol.per_case:
        cases, not_evaluated = evaluation.cases(threshold, reporter, workers)
        failed |= not_evaluated
    if error is None and failed and not cases:
        error = f"every case failed, the first because: {next(iter(failed.values()))}"
    run = _run_result(folder, dataset, protocol, cases, failed, error)
    write_text(evaluation.results.table_file, cases_csv(run))
    save_result(evaluation.results.run_file, run)
    return run


@contextmanager
def evaluation_in_background(
    folder: RunFolder,
    dataset: Dataset,
    protocol: Protocol,
    metrics: Sequence[Metric] = METRICS,
    backend: Backend | None = None,
) -> Iterator[Callable[[int], object]]:
    """Gives a function that takes the index of a test case just scored, and evaluates it while others are scored.

    It only leaves results where `evaluate` finds them, which repeats what failed or was not reached. Protocols
    that need all maps for their threshold have nothing to do yet.
    """
    if not protocol.per_case:
        yield lambda index: None
        return
    evaluation = Evaluation.begun(folder, dataset, protocol, metrics)
    with (backend or LocalBackend()).evaluating(evaluation.case) as start:
        yield start


@dataclass(frozen=True)
class Evaluation:
    """A run's maps, the cases they are of, and the protocol and metrics that make numbers of them."""

    folder: RunFolder
    dataset: Dataset
    protocol: Protocol
    metrics: Sequence[Metric]

    @classmethod
    def begun(cls, folder: RunFolder, dataset: Dataset, protocol: Protocol, metrics: Sequence[Metric]) -> Self:
        """With a folder for its results, emptied of cases when the protocol of that name was another one."""
        evaluation = cls(folder, dataset, protocol, metrics)
        text = json.dumps({**asdict(protocol), "hash": protocol.hash}, indent=1) + "\n"
        path = evaluation.results.protocol_file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            for case_file in evaluation.results.case_files():
                case_file.unlink(missing_ok=True)
            write_text(path, text)
        return evaluation

    @property
    def results(self) -> ResultsLayout:
        """Where its results lie."""
        return self.folder.results(self.protocol.name)

    def cases(
        self, threshold: float | None, reporter: Reporter, workers: int | None
    ) -> tuple[list[CaseResult], dict[str, str]]:
        """Results of the scored cases in the dataset's order, and why the others could not be evaluated."""
        found: list[CaseResult] = []
        failed: dict[str, str] = {}
        ids = self.dataset.test_ids
        scored = [index for index, case_id in enumerate(ids) if self.folder.is_scored(case_id)]
        description = f"{self.folder.record.method}: evaluating"
        with reporter.task(description, len(scored)) as tick, case_pool(workers) as pool:
            waiting = [(ids[index], pool.submit(self.case, index, threshold)) for index in scored]
            for case_id, result in waiting:
                try:
                    found.append(result.result())
                except Exception as error:
                    if stops_all(error):
                        raise
                    failed[case_id] = reason(error)
                    self.folder.log(f"evaluating {case_id}", error)
                tick(note=case_id)
        return found, failed

    def case(self, index: int, threshold: float | None) -> CaseResult:
        """The result of a test case as it was kept, or a new one, which is kept; what it lacks is measured."""
        path = self.results.case_file(self.dataset.test_ids[index])
        found = _kept(path)
        if found is None or threshold not in (None, found.threshold):
            found = self._new(index, threshold, self.metrics)
            save_result(path, found)
        elif (lacking := [metric for metric in self.metrics if metric.name not in found.metrics]) or (
            found.image_score is None  # results of earlier versions have none
        ):
            more = self._new(index, found.threshold, lacking)
            found = found.model_copy(update={"metrics": found.metrics | more.metrics, "image_score": more.image_score})
            save_result(path, found)
        return found

    def _new(self, index: int, threshold: float | None, metrics: Sequence[Metric]) -> CaseResult:
        case = self.dataset.test[index]
        if case.lesion_mask is None:
            raise BenchError(f"{case.id} has no lesion mask, so there is nothing to compare its map with.")
        anomaly_map = load_map(self.folder.prepared_path(case.id))
        try:
            evaluation = evaluate_case(
                anomaly_map, case.lesion_mask, case.brain_mask, case.spacing_mm, self.protocol, threshold, metrics
            )
        except ValueError as error:
            raise BenchError(f"{case.id}: {error}") from error
        return CaseResult(
            id=case.id,
            threshold=evaluation.threshold,
            metrics=evaluation.metrics,
            lesions=evaluation.lesions,
            image_score=image_score(anomaly_map, case.brain_mask),
            runtime_s=took.runtime_s if (took := self.folder.scored(case.id)) else None,
        )


def _kept(path: Path) -> CaseResult | None:
    """A result of an earlier, interrupted evaluation; None when there is none that can be read."""
    try:
        return CaseResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _run_result(
    folder: RunFolder,
    dataset: Dataset,
    protocol: Protocol,
    cases: list[CaseResult],
    failed: dict[str, str],
    error: str | None,
) -> RunResult:
    record = folder.record
    scored = [took for case in cases if (took := folder.scored(case.id))]
    peaks = [one.peak_memory_mb for one in scored if one.peak_memory_mb is not None]
    return RunResult(
        **{**record.facts(), "peak_memory_mb": max(peaks, default=record.peak_memory_mb)},
        key=digest(dataset.fingerprint, record.method, record.config, record.seed, protocol.hash),
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        dataset_description=dataset.description,
        channels=list(dataset.channels),
        protocol=str(protocol),
        protocol_hash=protocol.hash,
        oracle=protocol.oracle,
        status="skipped" if record.skipped else "failed" if error else "finished",
        error=error,
        of=len(dataset.test_ids),
        failed_cases=failed,
        cases=cases,
        metrics=summaries(cases),
        runtime_s_per_case=_mean(one.runtime_s for one in scored),
        network_evaluations_per_case=_mean(one.network_evaluations for one in scored),
        bench_version=version(),
        git_commit=commit(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
