"""One command's work: fit, score, evaluate and track each method in turn; a failing one stops no other."""

from bench.errors import Skipped, reason, stops_all
from bench.files import write_text
from bench.machine.usage import usage_kept
from bench.machine.version import versions
from bench.reporting import LOG
from bench.results import RunResult
from bench.runs import presets
from bench.runs.bench import Bench
from bench.runs.choice import Choice, ChosenMethod
from bench.runs.datasets import opened_dataset, remember_dataset
from bench.runs.evaluation import evaluate_and_track, evaluation_in_background
from bench.runs.repeating import config_text
from bench.runs.run_folder import Record, RunFolder, describe_maps, digest
from bench.runs.scoring import ScoringJob, score_unfinished, score_validation
from bench.runs.source import has_changed, source_hash
from datasets.dataset import Dataset
from datasets.settings import DatasetSettings, scans_folder
from metrics.protocol import Protocol


def run(
    bench: Bench, choice: Choice, dataset_settings: DatasetSettings, protocol: Protocol, again: bool = False
) -> list[RunResult]:
    """Run the chosen methods on a dataset.

    Args:
        bench: Where to work.
        choice: Which methods, with which settings.
        dataset_settings: What to learn from and to test on.
        protocol: How maps become numbers.
        again: Score every case anew, for instance after the method's code was edited.

    Returns:
        One result for each method, combination of settings and seed: finished, failed, or skipped as one that
        cannot run here.

    Raises:
        BenchError: For a choice or a dataset that there is not, before any work is done.
    """
    for missing in choice.missing():
        bench.reporter.say(f"{missing.source} is left out, it failed to import: {missing.reason}")
    methods = choice.resolved(bench.backend.device)
    dataset = opened_dataset(bench.workspace, dataset_settings, bench.reporter)
    remember_dataset(bench.workspace, dataset, dataset_settings)
    results = []
    with bench.reporter.task("runs" if any(method.apart for method in methods) else "methods", len(methods)) as tick:
        for method in methods:
            folder = folder_of(bench, dataset, method)
            if again:
                folder.forget_scores()
            LOG.debug("%s: settings %s, seed %s, %s", method.label, folder.record.config, method.seed, method.device)
            results.append(run_method(bench, method, folder, dataset, protocol))
            repeating = config_text(method, dataset_settings, protocol, bench.metrics)
            write_text(folder.results(protocol.name).config_file, repeating)
            describe_maps(folder, dataset, scans_folder(dataset_settings))
            tick(note=method.label)
    return results


def run_method(
    bench: Bench, method: ChosenMethod, folder: RunFolder, dataset: Dataset, protocol: Protocol
) -> RunResult:
    """Score what is unfinished, evaluate, write the results and track them."""
    record = folder.record
    job = ScoringJob(method, dataset, bench.store, folder)
    _note_source(bench, method, folder, dataset)
    record.skipped = None  # it may be able to run now
    try:
        with (
            usage_kept(folder.usage_file),
            evaluation_in_background(folder, dataset, protocol, bench.metrics, bench.backend) as evaluate_case,
            bench.backend.scorer(job, bench.reporter) as scorer,
        ):
            score_unfinished(folder, dataset, scorer, bench.reporter, evaluate_case)
            if protocol.strategy == "healthy-fpr":
                score_validation(folder, dataset, scorer, bench.reporter)
    except Skipped as skipped:
        record.skipped, record.error = str(skipped), None
        folder.save()
        bench.reporter.say(f"{method.label} is skipped: {record.skipped}")
    except Exception as error:
        if stops_all(error):
            raise
        record.error = reason(error)
        folder.log("fit", error)
        folder.save()
        bench.reporter.say(f"{method.label} failed: {record.error} (traceback in {folder.error_log})")
    return evaluate_and_track(bench, folder, dataset, protocol)


def _note_source(bench: Bench, method: ChosenMethod, folder: RunFolder, dataset: Dataset) -> None:
    """Say what was scored before, and whether by other code; note the code when nothing was."""
    now = source_hash(method.detector)
    done = sum(folder.is_scored(case_id) for case_id in dataset.test_ids)
    if not done:
        folder.record.source, folder.record.versions = now, versions()
        return
    bench.reporter.say(f"{method.label}: {done} of {len(dataset.test_ids)} cases were scored before, in {folder.path}")
    if has_changed(folder.record.source, now):
        bench.reporter.say(f"{method.label}: its code has changed since; --again scores every case anew")


def folder_of(bench: Bench, dataset: Dataset, method: ChosenMethod) -> RunFolder:
    """The folder of one method with one config and seed, as it was left or new."""
    info = method.detector.info
    flat = presets.flattened(method.config)
    fresh = Record(
        method=info.name,
        title=info.title,
        baseline=info.baseline,
        paper_row=info.paper_row,
        config=flat,
        preset=method.preset,
        seed=method.seed,
    )
    key = digest(dataset.fingerprint, info.name, flat, method.seed)
    place = bench.workspace.dataset(dataset.name, dataset.fingerprint).run(info.name, key)
    folder = RunFolder.open(place, fresh, bench.reporter)
    folder.record.device = method.device  # the folder may have been begun on another one
    return folder
