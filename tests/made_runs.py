"""Small made-up runs whose means can be worked out by hand."""

from collections.abc import Mapping, Sequence

from bench.results import CaseResult, RunResult

COLUMNS = ("hd99_vox", "msd_vox", "tpr", "ppv", "dice", "my_metric")


def make_run(method: str, config: Mapping[str, object] | None = None, seed: int = 0, **rest: object) -> RunResult:
    """make_run("zscore", tpr=[0.5, 1.0]): a run with one case for each value; any field of a result may be given."""
    columns: dict[str, Sequence[float | None]] = {
        name: rest.pop(name)  # type: ignore[misc]
        for name in COLUMNS
        if name in rest
    }
    n = len(next(iter(columns.values()), ()))
    cases = [
        CaseResult(id=f"sub-{i}", threshold=0.5, metrics={name: values[i] for name, values in columns.items()})
        for i in range(n)
    ]
    values: dict[str, object] = {
        "key": f"{method} {config} {seed}",
        "dataset": "phantom",
        "dataset_fingerprint": "0123456789abcdef",
        "dataset_description": {"lesions": "paper"},
        "channels": ["T1w"],
        "method": method,
        "title": method.title(),
        "config": config or {},
        "seed": seed,
        "protocol": "paper@1",
        "protocol_hash": "aaaa",
        "oracle": True,
        "status": "finished",
        "of": n,
        "cases": cases,
        "created": "2026-01-01T00:00:00+00:00",
    }
    return RunResult.model_validate({**values, **rest})
