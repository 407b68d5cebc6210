"""Maps made elsewhere, by any program: paired with cases, checked, and kept as a run that the leaderboard shows."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BenchError, shortened, stops_all
from bench.files import read_mask, read_scores, save_nifti
from bench.results import RunResult
from bench.runs.bench import Bench
from bench.runs.evaluation import evaluate_and_track
from bench.runs.run_folder import Record, RunFolder, Scored, digest
from bench.runs.scoring import not_finite
from datasets.case import Case, ScoreArray
from datasets.dataset import Dataset
from datasets.fingerprint import file_hash
from datasets.labels import brain_masks, brains_beside
from datasets.preparing.grids import check_same_grid, same_grid, shown
from datasets.preparing.preparation import to_native
from datasets.preparing.resampling import resample
from datasets.scans.names import is_brain_mask, says_brain_mask
from datasets.scans.pairing import by_subject, nifti_files
from metrics.inputs import lowest_outside
from metrics.protocol import Protocol

READING = 2  # part of what tells whether a map must be read again: raise it when maps are read differently
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
URL = re.compile(r"https?://[^\s<>\"'|]+")


@dataclass(frozen=True)
class Submission:
    """Folders of maps and what the leaderboard calls them.

    method: letters, digits and any of . _ + - (it names a folder). url: where the method is described.
    healthy_maps: maps of healthy cases, for protocols that set their threshold on them.
    healthy_brains: folder of their brain masks, where no dataset knows them; `healthy_maps` itself if None.
    """

    maps: Path
    method: str
    url: str | None = None
    seed: int = 0
    healthy_maps: Path | None = None
    healthy_brains: Path | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.method):
            raise BenchError(
                f"--method-name {shortened(repr(self.method))} must be of letters, digits and . _ + - only."
            )
        if self.url is not None and not URL.fullmatch(self.url):
            raise BenchError(f"--url {shortened(repr(self.url))} must begin with http:// or https://.")


def evaluate_maps(bench: Bench, dataset: Dataset, submission: Submission, protocol: Protocol) -> RunResult:
    """Take over the maps, evaluate them and track the result; cases without a usable map count as failed.

    BenchError when there is nothing to evaluate, or healthy maps that the protocol needs are not all there.
    """
    for note in dataset.notes:
        bench.reporter.say(note)
    files = nifti_files(submission.maps)
    maps = by_subject(files.named, "anomaly map")
    others = [maps[case_id] for case_id in sorted(maps.keys() - set(dataset.test_ids))]
    if len(others) == len(maps):
        raise BenchError(
            f"{submission.maps} holds no map of a test case: they are called as {dataset.test_ids[0]}, "
            f"the maps as {others[0].name}."
        )
    if strays := others + files.strangers:
        bench.reporter.say(f"{len(strays)} maps belong to no test case and are left out, such as {strays[0]}")
    folder = submission_folder(bench, dataset, submission)
    if submission.healthy_maps:
        take_over_healthy(folder, dataset, submission.healthy_maps, submission.healthy_brains)
    elif protocol.strategy == "healthy-fpr" and not folder.validation_maps():
        raise BenchError(f"{protocol.name} sets its threshold on healthy maps: name their folder with --healthy-maps.")
    with bench.reporter.task(f"{submission.method}: reading maps", len(dataset.test_ids)) as tick:
        for index, case_id in enumerate(dataset.test_ids):
            take_over(folder, dataset, index, maps.get(case_id), submission.maps)
            tick(note=case_id)
    folder.save()
    return evaluate_and_track(bench, folder, dataset, protocol)


def submission_folder(bench: Bench, dataset: Dataset, submission: Submission) -> RunFolder:
    """The run folder of a submission, as it was left or new."""
    key = digest(dataset.fingerprint, submission.method, submission.url, submission.seed)
    fresh = Record(
        method=submission.method,
        title=submission.method,
        baseline=False,
        paper_row=None,
        config={},
        seed=submission.seed,
        external=True,
        url=submission.url,
    )
    place = bench.workspace.dataset(dataset.name, dataset.fingerprint).run(submission.method, key)
    return RunFolder.open(place, fresh, bench.reporter)


def take_over(folder: RunFolder, dataset: Dataset, index: int, path: Path | None, source: Path) -> None:
    """Check and keep the map of one test case; note why there is none. A file kept before is not read again."""
    case_id = dataset.test_ids[index]
    try:
        if path is None:
            raise BenchError(f"{source} holds no map of it.")
        content = f"{READING}:{file_hash(path)}"
        taken = folder.scored(case_id)
        if taken and taken.source == content and folder.is_scored(case_id):
            return
        case = dataset.test[index]
        folder.keep_prepared(case, read_map(path, case), Scored(source=content))
    except Exception as error:
        if stops_all(error):
            raise
        folder.forget(case_id)
        folder.keep_failure(case_id, error)


def take_over_healthy(folder: RunFolder, dataset: Dataset, healthy_maps: Path, brains: Path | None) -> None:
    """Keep maps of the dataset's healthy validation cases, of which none may be missing; or, where a dataset has
    none, of the subjects in the folder, with their brain masks."""
    files = nifti_files(healthy_maps).named
    maps = by_subject([path for path in files if not (says_brain_mask(path) or is_brain_mask(path))], "anomaly map")
    cases = list(dataset.validation) or healthy_cases(dataset, maps, brain_masks_of_healthy(files, maps, brains))
    for case in cases:
        if case.id not in maps:
            raise BenchError(f"{healthy_maps} holds no map of {case.id}: all {len(cases)} healthy cases are needed.")
    for case in cases:  # written over and not removed first, since another command may evaluate them
        save_nifti(folder.validation_path(case.id), read_map(maps[case.id], case), case.affine)
        if not dataset.validation:
            save_nifti(folder.healthy_brain_path(case.id), case.brain_mask, case.affine)
    names = {folder.validation_path(case.id).name for case in cases}
    for old in (*folder.validation_maps(), *folder.healthy_brains()):
        if old.name not in names:
            old.unlink(missing_ok=True)


def brain_masks_of_healthy(files: list[Path], maps: dict[str, Path], folder: Path | None) -> dict[str, Path]:
    """Subject id -> its brain mask, beside the maps and called so, or in a folder of brain masks. Never a map."""
    beside = [path for path in files if path not in maps.values()]
    return (brain_masks(folder, maps.values()) if folder else {}) | brains_beside(beside, ())


def healthy_cases(dataset: Dataset, maps: dict[str, Path], brains: dict[str, Path]) -> list[Case]:
    """Cases without image or label, one for each map. BenchError when one has no brain mask or is a test case."""
    cases = []
    for name, path in sorted(maps.items()):
        if name in dataset.test_ids:
            raise BenchError(f"{path} is of the test case {name}: thresholds are learned on healthy maps of others.")
        if name not in brains:
            raise BenchError(
                f"The healthy case {name} has no brain mask: put {name}_desc-brain_mask.nii.gz beside {path}, name "
                "the folder of brain masks with --brain-masks, or leave its map out."
            )
        mask, affine = read_mask(brains[name])
        cases.append(Case(name, np.empty((0, *mask.shape), np.float32), mask, None, affine, ()))
    return cases


def read_map(path: Path, case: Case) -> ScoreArray:
    """The map (X, Y, Z) on the case's grid, as precise as the file, its lowest brain value outside the brain.

    It may lie on the prepared grid, or on the subject's own, from which it is resampled; what stands outside the brain
    there is replaced before, so that nothing of it is blurred into the brain. BenchError when the file
    cannot be read, has another grid, or holds values inside the brain that are not finite.
    """
    volume, affine = read_scores(path)
    own = case.native
    if own and same_grid(volume.shape, affine, own.shape, own.affine):
        brain = to_native(case.brain_mask, case)
        lowest = np.min(volume, where=brain & np.isfinite(volume), initial=np.inf)
        volume = resample(np.where(brain, volume, lowest), own.affine, case.affine, _shape(case), float(lowest))
    else:
        grid = f"{case.id} prepared (or its own grid, {own.shape} at {shown(own.affine)})" if own else case.id
        check_same_grid(path, volume.shape, affine, grid, case.brain_mask.shape, case.affine)
    if problem := not_finite(volume, case):
        raise BenchError(f"{path} {problem}.")
    return lowest_outside(volume, case.brain_mask)


def _shape(case: Case) -> tuple[int, int, int]:
    x, y, z = case.brain_mask.shape
    return x, y, z
