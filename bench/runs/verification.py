"""Whether a result is what it says: checked against itself, this version's protocols, its dataset and its neighbours.

What can be worked out anew is: means from cases, the key from what it names, the protocol's hash, the fingerprint of a
dataset that is made here. Values of single cases are taken at their word, for want of the maps.
"""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bench.errors import BenchError, shortened
from bench.machine.version import version
from bench.results import CaseResult, RunResult
from bench.runs.case_tables import summaries
from bench.runs.run_folder import digest
from datasets.dataset import Dataset
from leaderboard.known_metrics import KNOWN
from metrics.metric import Metric
from metrics.protocol import PROTOCOLS

RELATIVE = 1e-9  # how far numbers that were written as text may lie apart


def problems(run: RunResult, dataset: Dataset | None = None, beside: Sequence[RunResult] = ()) -> list[str]:
    """What is wrong with a result, each problem as a sentence that begins with the field; none for a sound one.

    Args:
        run: The result.
        dataset: Its dataset, where it can be opened here.
        beside: Other results, of which those on the same dataset must agree about it.
    """
    found = [
        *_version(run),
        *_protocol(run),
        *_identity(run),
        *_counts(run),
        *(problem for case in run.cases for problem in _case(case)),
        *_means(run),
    ]
    if dataset is not None:
        found += _dataset(run, dataset)
    for other in beside:
        if other.dataset_fingerprint == run.dataset_fingerprint:
            found += _agrees(run, other)
    return found


def _version(run: RunResult) -> Iterator[str]:
    if run.bench_version is None:
        yield "bench_version is missing: it is not known what evaluated this; evaluate it again."
    elif _release(run.bench_version) > _release(version()):
        yield f"bench_version {run.bench_version} is newer than {version()} here: update bench first."
    try:
        made = datetime.fromisoformat(run.created)
    except ValueError:
        yield f"created {shortened(repr(run.created))} is no date; it should read as 2026-01-31T12:00:00+00:00."
        return
    if made.tzinfo is None or made > datetime.now(UTC) + timedelta(days=1):
        yield f"created {run.created} lies in the future, or does not say its time zone."


def _release(text: str) -> tuple[int, ...]:
    """(0, 1, 0) of "0.1.0.dev3+g1a2b"."""
    start = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, start[0].split("."))) if start else ()


def _protocol(run: RunResult) -> Iterator[str]:
    known = {one.name: one for one in PROTOCOLS}
    name = run.protocol.partition("@")[0]
    if name not in known:
        yield f"protocol {shortened(repr(run.protocol))} is none of this version's: {', '.join(known)}."
        return
    here = known[name]
    if run.protocol != str(here):
        yield f"protocol is {run.protocol}, this version has {here}: evaluate the maps again."
    elif run.protocol_hash != here.hash:
        yield f"protocol_hash is {shortened(run.protocol_hash)}, that of {here} is {here.hash}."
    elif run.oracle != here.oracle:
        yield f"oracle is {str(run.oracle).lower()}, which {here} is not."


def _identity(run: RunResult) -> Iterator[str]:
    key = digest(run.dataset_fingerprint, run.method, run.config, run.seed, run.protocol_hash)
    if run.key != key:
        yield "key does not belong to dataset_fingerprint, method, config, seed and protocol_hash: one was changed."
    if run.external and run.config:
        yield "external is true, but maps of other programs have no config."


def _counts(run: RunResult) -> Iterator[str]:
    ids = [case.id for case in run.cases]
    if twice := next((one for one in ids if ids.count(one) > 1), None):
        yield f"cases holds {shortened(twice)} twice."
    if both := sorted(set(ids) & run.failed_cases.keys()):
        yield f"failed_cases names {shortened(both[0])}, which cases holds, too."
    if len(ids) + len(run.failed_cases) > run.of:
        yield f"of is {run.of}, but there are {len(ids)} cases and {len(run.failed_cases)} that failed."
    if run.status == "finished" and not ids:
        yield "status is finished, but cases is empty."
    if run.status == "finished" and run.error:
        yield "error is set, but status is finished."


def _case(case: CaseResult) -> Iterator[str]:
    where = f"cases.{shortened(case.id)}"
    if case.threshold is not None and not math.isfinite(case.threshold):
        yield f"{where}.threshold is {case.threshold}, it must be a number."
    known = KNOWN.all()
    for name, value in case.metrics.items():
        if value is not None and not _possible(known.get(name), value):
            yield f"{where}.metrics.{name} is {value:g}, which it cannot be."
    count = case.metrics.get("lesion_components")
    if count is not None and case.lesions and count != len(case.lesions):
        yield f"{where}.lesions are {len(case.lesions)}, metrics.lesion_components says {count:g}."
    if any(not (math.isfinite(volume) and volume > 0) for volume, _ in case.lesions):
        yield f"{where}.lesions holds a volume that is not above 0."


def _possible(metric: Metric | None, value: float) -> bool:
    """Whether a metric can have this value: a share lies in 0..1, distances, counts and volumes are not below 0."""
    if not math.isfinite(value):
        return False
    return metric is None or metric.direction is None or 0 <= value <= (1 if metric.unit == "" else math.inf)


def _means(run: RunResult) -> Iterator[str]:
    expected = summaries(run.cases)
    for name in sorted(expected.keys() ^ run.metrics.keys()):
        yield f"metrics.{name} is {'of no case' if name in run.metrics else 'missing'}."
    for name in expected.keys() & run.metrics.keys():
        for part in ("n", "mean", "se"):
            given, own = getattr(run.metrics[name], part), getattr(expected[name], part)
            if not _same(given, own):
                yield f"metrics.{name}.{part} is {_shown(given)}, its cases give {_shown(own)}."
    known = [case.runtime_s for case in run.cases if case.runtime_s is not None]
    if known and not _same(run.runtime_s_per_case, sum(known) / len(known)):
        yield f"runtime_s_per_case is {_shown(run.runtime_s_per_case)}, its cases give {sum(known) / len(known):g}."


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=RELATIVE)


def _shown(value: float | None) -> str:
    return "missing" if value is None else f"{value:.6g}"


def _dataset(run: RunResult, dataset: Dataset) -> Iterator[str]:
    if run.dataset_fingerprint != dataset.fingerprint:
        yield (
            f"dataset_fingerprint is {run.dataset_fingerprint[:8]}, its dataset as this version opens it has "
            f"{dataset.fingerprint[:8]}: run it again with this version."
        )
        return
    ids = dataset.test_ids
    if run.dataset != dataset.name:
        yield f"dataset is {shortened(repr(run.dataset))}, that of this fingerprint is called {dataset.name}."
    if run.of != len(ids):
        yield f"of is {run.of}, its dataset has {len(ids)} test cases."
    if strays := sorted({case.id for case in run.cases} - set(ids)):
        yield f"cases holds {shortened(strays[0])}, which is no test case of its dataset."


def _agrees(run: RunResult, other: RunResult) -> Iterator[str]:
    """Two results on one dataset say the same of it."""
    for field in ("dataset", "of", "channels"):
        mine, theirs = getattr(run, field), getattr(other, field)
        if mine != theirs:
            yield f"{field} is {mine}, other results on this dataset have {theirs} ({other.method})."
            return
    if run.protocol_hash != other.protocol_hash:
        return  # which may change the truth
    truth = {case.id: _volumes(case) for case in other.cases}
    for case in run.cases:
        theirs = truth.get(case.id)
        if theirs and not (len(theirs) == len(case.lesions) and all(map(_same, _volumes(case), theirs))):
            yield f"cases.{shortened(case.id)}.lesions are not those that {other.method} was measured against."
            return


def _volumes(case: CaseResult) -> list[float]:
    return sorted(volume for volume, _ in case.lesions)


def check(run: RunResult, where: object, dataset: Dataset | None = None, beside: Sequence[RunResult] = ()) -> None:
    """BenchError with the first problem of a result. where: what the sentence begins with, such as its file."""
    if found := problems(run, dataset, beside):
        raise BenchError(f"{where}: {found[0]}")
