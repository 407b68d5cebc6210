"""One run in MLflow: its experiment, parameters, metrics, tags, dataset and files; seeds as children of one run."""

import getpass
import json
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench.machine.usage import read_usage
from bench.results import RunResult
from bench.runs import mlflow_files
from bench.runs.case_tables import cases_csv
from bench.runs.datasets import shows_people
from bench.runs.method_facts import cards_of
from bench.runs.mlflow_store import MlflowStore
from bench.runs.run_folder import digest
from bench.runs.workspace import RunLayout, Workspace
from leaderboard.costs import COSTS
from leaderboard.selection import entry_identity

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY = "bench.key"
ENTRY = "bench.entry"  # the same for all seeds of one method and config
SEEDS = "bench.seeds"  # of the run whose children they are
PARENT = "mlflow.parentRunId"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # not one of language models
LONGEST_PARAM = 500  # characters that every MLflow server takes
PARAMS_AT_ONCE = 100  # likewise, in one request
METRICS_AT_ONCE = 1000
MAPS_TAG = "bench.maps"  # what was sent of them


def experiment_name(run: RunResult) -> str:
    """Dataset and protocol, such as "phantom-1a2b3c4d paper@1"."""
    return f"{run.dataset}-{run.dataset_fingerprint[:8]} {run.protocol}"


def log_run(
    run: RunResult, store: MlflowStore, workspace: Workspace, run_folder: RunLayout, subject_ids: bool = False
) -> str:
    """Log a run, or what has changed of it; gives MLflow's id of it.

    subject_ids: name cases as the dataset does; else they are numbered.
    """
    from mlflow import MlflowClient
    from mlflow.telemetry import set_telemetry_client

    set_telemetry_client()  # MONAI may have imported MLflow earlier, with its telemetry on
    client = MlflowClient(tracking_uri=store.uri)
    experiment = _experiment_id(client, run, store.artifacts(workspace))
    shown = run if subject_ids else mlflow_files.without_subjects(run)
    logged = _run(client, experiment, run)
    run_id = str(logged.info.run_id)
    _log_values(client, logged, shown, workspace, run_folder)
    _log_dataset(client, logged, run)
    _log_artifacts(client, run_id, shown, workspace, run_folder, subject_ids)
    place = workspace.dataset(run.dataset, run.dataset_fingerprint)
    if subject_ids or not store.named or not shows_people(place):
        _log_maps(client, logged, run, run_folder, subject_ids)
    status = "FAILED" if run.status == "failed" else "FINISHED"
    client.set_terminated(run_id, status, end_time=_milliseconds(run.created))
    _join_seeds(client, experiment, run)
    return run_id


def _experiment_id(client: "MlflowClient", run: RunResult, artifacts: str | None) -> str:
    """The experiment, made if it is not there, renamed if an earlier version made it.

    One whose artifacts would go into the folder that the command was typed in stays as it is.
    """
    name = experiment_name(run)
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    earlier = client.get_experiment_by_name(name.replace(" ", " / "))
    if earlier is not None and "://" in (earlier.artifact_location or ""):
        client.rename_experiment(earlier.experiment_id, name)
        for key, value in KIND.items():
            client.set_experiment_tag(earlier.experiment_id, key, value)
        return str(earlier.experiment_id)
    return str(client.create_experiment(name, artifact_location=artifacts, tags=dict(KIND)))


def _run(client: "MlflowClient", experiment: str, run: RunResult) -> "Run":
    """The MLflow run with this key, or a new one."""
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{run.key}'", max_results=1)
    if found:
        return found[0]
    fit_s = (run.fit_s or 0) - (run.inherited_fit_s or 0)  # what was trained elsewhere took no time here
    seconds = fit_s + (run.runtime_s_per_case or 0) * run.n
    return client.create_run(
        experiment,
        start_time=_milliseconds(run.created) - round(1000 * seconds),
        tags={KEY: run.key},
        run_name=f"{run.method} seed {run.seed}",
    )


def _log_values(
    client: "MlflowClient", logged: "Run", run: RunResult, workspace: Workspace, run_folder: RunLayout
) -> None:
    from mlflow.entities import Metric, RunTag

    created = _milliseconds(run.created)
    metrics = [Metric(name, value, created, 0) for name, value in _metrics(run).items()]
    drawn = mlflow_files.curves(cards_of(workspace, run))
    metrics += [Metric(name, value, created, step) for name, value, step in drawn]
    metrics += [Metric(*values) for values in mlflow_files.usage(read_usage(run_folder.usage_file))]
    client.log_batch(logged.info.run_id, tags=[RunTag(name, value) for name, value in _tags(run).items()])
    for start in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(logged.info.run_id, metrics=metrics[start : start + METRICS_AT_ONCE])
    _log_params(client, logged, {"method": run.method, "seed": run.seed, "preset": run.preset, **run.config})


def _log_params(client: "MlflowClient", logged: "Run", values: dict[str, Any]) -> None:
    """Those that are not there: MLflow lets none be changed."""
    from mlflow.entities import Param

    params = [Param(name, _param(value)) for name, value in sorted(values.items()) if name not in logged.data.params]
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(logged.info.run_id, params=params[start : start + PARAMS_AT_ONCE])


def _log_dataset(client: "MlflowClient", logged: "Run", run: RunResult) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    facts = mlflow_files.dataset_facts(run)
    dataset = Dataset(
        name=facts["name"],
        digest=facts["digest"],
        source_type="bench",
        source=json.dumps({"dataset": facts["source"]}),
        profile=json.dumps({"test cases": run.of, "channels": run.channels}),
    )
    client.log_inputs(logged.info.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "test")])])


def _log_artifacts(
    client: "MlflowClient",
    run_id: str,
    run: RunResult,
    workspace: Workspace,
    run_folder: RunLayout,
    subject_ids: bool,
) -> None:
    """Tables, figures, page and config; artifacts of an earlier logging are overwritten."""
    client.log_text(run_id, cases_csv(run), "cases.csv")
    client.log_text(run_id, run.model_dump_json(indent=1) + "\n", "run.json")
    client.log_dict(run_id, run.config, "config.json")
    if not run.cases:
        return
    for name, text in mlflow_files.tables(run).items():
        client.log_text(run_id, text, name)
    for name, figure in mlflow_files.figures(run):
        client.log_figure(run_id, figure, f"figures/{name}")
    if subject_ids:  # pictures of cases bear their names
        for picture in run_folder.results(run.protocol.partition("@")[0]).figures():
            client.log_artifact(run_id, str(picture), "figures")
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch, "report.html")
        mlflow_files.write_page(run, workspace, page)
        client.log_artifact(run_id, str(page))


def _log_maps(client: "MlflowClient", logged: "Run", run: RunResult, run_folder: RunLayout, subject_ids: bool) -> None:
    """Anomaly maps, unless they were sent as they are; a tag says how many."""
    maps = mlflow_files.maps(run, run_folder, subject_ids)
    states = [(name, file.stat().st_size, file.stat().st_mtime_ns) for name, file in maps.items()]
    sent = f"{len(maps)} of {run.of}, {digest(states)[:8]}"
    if not maps or logged.data.tags.get(MAPS_TAG) == sent:
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name, file in maps.items():
            Path(scratch, name).symlink_to(file.absolute())
        client.log_artifacts(logged.info.run_id, scratch, "maps")
    client.set_tag(logged.info.run_id, MAPS_TAG, sent)


def _join_seeds(client: "MlflowClient", experiment: str, run: RunResult) -> None:
    """Where there are several seeds of one method and config, make them the children of one run with their means."""
    from mlflow.entities import Metric, RunTag

    entry = _entry(run)
    children = client.search_runs([experiment], f"tags.`{ENTRY}` = '{entry}'", max_results=1000)
    children = [child for child in children if child.info.status == "FINISHED"]
    if len({child.data.params.get("seed") for child in children}) < 2:
        return
    parents = client.search_runs([experiment], f"tags.`{SEEDS}` = '{entry}'", max_results=1)
    parent = parents[0] if parents else _new_parent(client, experiment, run, children)
    parent_id = parent.info.run_id
    for child in children:
        if child.data.tags.get(PARENT) != parent_id:
            client.set_tag(child.info.run_id, PARENT, parent_id)
    values: dict[str, list[float]] = {}
    for child in children:
        for name, value in child.data.metrics.items():
            if name.endswith("_mean"):
                values.setdefault(name, []).append(value)
    created = _milliseconds(run.created)
    seeds = sorted(child.data.params["seed"] for child in children if "seed" in child.data.params)
    client.log_batch(
        parent_id,
        metrics=[Metric(name, fmean(own), created, 0) for name, own in values.items() if len(own) == len(children)],
        tags=[RunTag("seeds", " ".join(seeds))],
    )
    client.set_terminated(parent_id, "FINISHED", end_time=created)


def _new_parent(client: "MlflowClient", experiment: str, run: RunResult, children: "list[Run]") -> "Run":
    tags = {name: value for name, value in _tags(run).items() if name not in (ENTRY, "seed", "error", "failed_cases")}
    start = min(child.info.start_time for child in children)
    parent = client.create_run(
        experiment, start_time=start, tags={**tags, SEEDS: _entry(run)}, run_name=f"{run.method} seeds"
    )
    _log_params(client, parent, {"method": run.method, "preset": run.preset, **run.config})
    return parent


def _entry(run: RunResult) -> str:
    return digest(entry_identity(run))[:16]


def _milliseconds(created: str) -> int:
    return round(1000 * datetime.fromisoformat(created).timestamp())


def _param(value: Any) -> str:
    return ("none" if value is None else str(value))[:LONGEST_PARAM]


def _metrics(run: RunResult) -> dict[str, float]:
    """Means and standard errors, counts of cases, costs; what is undefined is left out."""
    values: dict[str, float | None] = {"cases": run.n, "cases_of": run.of}
    for name, summary in run.metrics.items():
        values |= {f"{name}_mean": summary.mean, f"{name}_se": summary.se}
    values |= {column.name: getattr(run, column.name) for column in COSTS if column.is_number}
    return {name: float(value) for name, value in values.items() if value is not None}


def _tags(run: RunResult) -> dict[str, str]:
    tags = {
        ENTRY: _entry(run),
        "method": run.method,
        "seed": run.seed,
        "preset": run.preset,
        "device": run.device,
        "external": run.external,
        "url": run.url,
        "mlflow.user": _user(),
        "mlflow.source.name": f"bench {run.bench_version or ''}".strip(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": run.git_commit,
        "git_commit": run.git_commit,
        "bench_version": run.bench_version,
        "source": run.source or None,
        **{f"version.{name}": version for name, version in run.versions.items()},
        "dataset": run.dataset,
        "dataset_fingerprint": run.dataset_fingerprint,
        "protocol": run.protocol,
        "protocol_hash": run.protocol_hash,
        "oracle": run.oracle,
        "status": run.status,
        "error": run.error or "",
        "failed_cases": len(run.failed_cases),
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def _user() -> str | None:
    """Who runs the command, as MLflow's own client would say it; None where the system has no name for that."""
    with suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return None
