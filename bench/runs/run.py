"""One command's work: fit, score, evaluate and track each method in turn; a failing one stops no other."""

import hashlib
import inspect
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch

from bench import registry
from bench.component import AnyComponent, Fitted
from bench.detector import Detector, MethodConfig
from bench.errors import BenchError
from bench.files import write_text
from bench.reporting import Reporter
from bench.results import RunResult
from bench.runs import presets
from bench.runs.evaluation import evaluate, evaluation_in_background
from bench.runs.run_folder import Record, RunFolder, digest, reason
from bench.runs.scoring import FittedDetector, fitted_detector, score_unfinished, score_validation
from bench.runs.store import Store
from datasets.dataset import Dataset
from datasets.labels import LabelSettings, labels_dataset
from datasets.load import load_dataset
from datasets.settings import DatasetSettings
from metrics.protocol import Protocol


@dataclass(frozen=True)
class Choice:
    """What the user chose about methods: names (or "all"), preset, YAML file, `--set` pairs, seed, device."""

    methods: tuple[str, ...]
    preset: str = "cpu"
    config_file: Path | None = None
    pairs: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"

    def detectors(self) -> dict[str, type[Detector]]:
        """The chosen methods by name, each once, in the order given."""
        if "all" in self.methods:
            return registry.methods()
        return {name: registry.method(name) for name in self.methods}

    def missing(self) -> list[registry.Broken]:
        """What "all" would hold, did it not fail to import."""
        return registry.discover()[1] if "all" in self.methods else []

    def configs(self, detectors: dict[str, type[Detector]]) -> dict[str, MethodConfig]:
        """The resolved config of each of them."""
        known = list(registry.methods()) if self.config_file else []
        return presets.resolve(detectors, self.preset, self.config_file, list(self.pairs), known)


@dataclass(frozen=True)
class Bench:
    """Where a command works: workspace folder, progress view, store of fitted components.

    workers: how many cases are evaluated at the same time; None for as many as there are cores.
    """

    workspace: Path
    reporter: Reporter
    workers: int | None = None
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "store", Store(self.workspace / "components"))


def run(
    bench: Bench, choice: Choice, dataset_settings: DatasetSettings, protocol: Protocol, again: bool = False
) -> list[RunResult]:
    """Run the chosen methods; one result each, finished or failed. Raises BenchError for a wrong choice
    before any work is done.

    again: score every case anew, for instance after the method's code was edited.
    """
    detectors = choice.detectors()
    for missing in choice.missing():
        bench.reporter.say(f"{missing.source} is left out, it failed to import: {missing.reason}")
    configs = choice.configs(detectors)
    device = chosen_device(choice.device)
    dataset = opened_dataset(bench, dataset_settings)
    remember_dataset(bench.workspace, dataset, dataset_settings)
    results = []
    with bench.reporter.task("methods", len(detectors)) as tick:
        for name, detector in detectors.items():
            folder = method_folder(bench.workspace, dataset, detector, configs[name], choice, device)
            if again:
                folder.forget_scores()
            result = run_method(bench, detector, configs[name], folder, dataset, protocol)
            results.append(result)
            tick()
    return results


def run_method(
    bench: Bench,
    detector_class: type[Detector],
    config: MethodConfig,
    folder: RunFolder,
    dataset: Dataset,
    protocol: Protocol,
) -> RunResult:
    """Score what is unfinished, evaluate, write the results and track them."""
    name, record = folder.record.method, folder.record

    @cache  # fitted when first needed, which is not at all when every case is scored
    def fit() -> FittedDetector:
        return fitted_detector(detector_class, config, dataset, bench.store, record.seed, record.device, bench.reporter)

    done = sum(folder.is_scored(case_id) for case_id in dataset.test_ids)
    if done:
        bench.reporter.say(f"{name}: {done} of {len(dataset.test_ids)} cases were scored before, in {folder.path}")
        if record.source != source_hash(detector_class):
            bench.reporter.say(f"{name}: its code has changed since; --again scores every case anew")
    try:
        with evaluation_in_background(folder, dataset, protocol) as evaluate_case:
            score_unfinished(folder, dataset, fit, bench.reporter, evaluate_case)
        if protocol.strategy == "healthy-fpr":
            score_validation(folder, dataset, fit, bench.reporter)
    except Exception as error:
        record.error = reason(error)
        folder.log("fit", error)
        folder.save()
        bench.reporter.say(f"{name} failed: {record.error} (traceback in {folder.path / 'errors.log'})")
    return evaluated(bench, folder, dataset, protocol)


def evaluated(bench: Bench, folder: RunFolder, dataset: Dataset, protocol: Protocol) -> RunResult:
    """Evaluate what is scored, say which cases failed, and track the result."""
    result = evaluate(folder, dataset, protocol, bench.reporter, bench.workers)
    for case_id, why in result.failed_cases.items():
        bench.reporter.say(f"{result.method}: case {case_id} failed: {why}")
    _track(bench, folder, result)
    return result


def _track(bench: Bench, folder: RunFolder, result: RunResult) -> None:
    from bench.runs.tracking import log_run  # MLflow takes seconds to import: only when there is something to log

    warning = log_run(result, bench.workspace, folder.path)
    if warning:
        bench.reporter.say(warning)


def evaluate_again(bench: Bench, protocol: Protocol, chosen: tuple[str, ...] = ()) -> list[RunResult]:
    """Evaluate the maps of the workspace's runs under a protocol without scoring again.

    chosen: names of methods; all when empty. Raises BenchError when there is nothing to evaluate.
    """
    results = []
    for place in sorted(path for path in bench.workspace.glob("runs/*") if path.is_dir()):
        folders = [RunFolder.load(file.parent) for file in sorted(place.glob("*/runtime.json"))]
        folders = [one for one in folders if not chosen or one.record.method in chosen]
        if not folders:
            continue
        dataset = reopened_dataset(bench.workspace, place)
        for folder in folders:
            results.append(evaluated(bench, folder, dataset, protocol))
    if not results:
        raise BenchError(f"{bench.workspace} holds no runs{' of these methods' if chosen else ''}: `bench run` first.")
    return results


@dataclass(frozen=True)
class Fits:
    """What fitting methods gave: their trained parts, each once, and the reasons of those that failed, by method."""

    parts: tuple[Fitted[AnyComponent], ...]
    failed: dict[str, str]


def fit_components(bench: Bench, choice: Choice, dataset_settings: DatasetSettings) -> Fits:
    """Fit the chosen methods, so that the store holds the trained parts they use."""
    detectors = choice.detectors()
    configs = choice.configs(detectors)
    device = chosen_device(choice.device)
    dataset = opened_dataset(bench, dataset_settings)
    parts, failed = {}, {}
    for name, detector in detectors.items():
        try:
            fitted = fitted_detector(detector, configs[name], dataset, bench.store, choice.seed, device, bench.reporter)
            parts.update({part.component.key: part for part in fitted.parts})
        except Exception as error:
            failed[name] = reason(error)
    return Fits(tuple(parts.values()), failed)


def opened_dataset(bench: Bench, settings: DatasetSettings) -> Dataset:
    """Load a dataset and say what was set aside and who is aligned."""
    dataset = load_dataset(settings)
    for subject in dataset.set_aside:
        bench.reporter.say(f"{subject.id} is set aside: {subject.reason}")
    if "aligned" in dataset.description:
        bench.reporter.say(f"Aligned: {dataset.description['aligned']}.")
    return dataset


def remember_dataset(workspace: Path, dataset: Dataset, settings: DatasetSettings) -> None:
    """Keep the settings beside the runs, so that other commands can open the dataset again."""
    write_text(dataset_folder(workspace, dataset) / "dataset.json", settings.model_dump_json(indent=1) + "\n")


def reopened_dataset(workspace: Path, folder: Path) -> Dataset:
    """The dataset that the runs in a folder were made on; BenchError when it is no longer the same."""
    labels = folder / "labels.json"
    path = labels if labels.exists() else folder / "dataset.json"
    kind = LabelSettings if labels.exists() else DatasetSettings
    try:
        settings = kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read: remove its folder and run again.") from error
    if isinstance(settings, LabelSettings):
        dataset = labels_dataset(settings)
    else:
        dataset = load_dataset(settings.model_copy(update={"cache_folder": (workspace / "datasets").absolute()}))
    if dataset_folder(workspace, dataset) != folder:
        raise BenchError(f"The data behind {folder} has changed: run again on it as it is now.")
    return dataset


def dataset_folder(workspace: Path, dataset: Dataset) -> Path:
    """runs/<dataset>-<fingerprint8>."""
    return workspace / "runs" / f"{dataset.name}-{dataset.fingerprint[:8]}"


def method_folder(
    workspace: Path,
    dataset: Dataset,
    detector: type[Detector],
    config: MethodConfig,
    choice: Choice,
    device: str,
) -> RunFolder:
    """The folder of one method with one config and seed, as it was left or new."""
    info = detector.info
    flat = presets.flattened(config)
    key = digest(dataset.fingerprint, info.name, flat, choice.seed)
    fresh = Record(
        method=info.name,
        title=info.title,
        baseline=info.baseline,
        paper_row=info.paper_row,
        config=flat,
        preset=choice.preset,
        seed=choice.seed,
        device=device,
        source=source_hash(detector),
    )
    folder = RunFolder.open(dataset_folder(workspace, dataset) / f"{info.name}-{key[:8]}", fresh)
    folder.record.device = device  # the folder may have been begun on another one
    return folder


def source_hash(detector: type[Detector]) -> str:
    """A hash of the file that defines a method; empty when there is no file."""
    try:
        return hashlib.sha256(inspect.getsource(sys.modules[detector.__module__]).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def chosen_device(name: str) -> str:
    """ "auto" becomes "cuda" where there is one, otherwise "cpu"."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch sees no GPU here; use --device cpu or auto.")
    return name
