"""Results that are handed on: one JSON file each, read, written, verified, and merged into a workspace."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError
from bench.files import visible_files, write_text
from bench.results import RunResult, load_run, save_result
from bench.runs.case_tables import cases_csv
from bench.runs.datasets import reopened_dataset, shows_people
from bench.runs.run_folder import digest
from bench.runs.verification import check, problems
from bench.runs.workspace import RunLayout, Workspace
from bench.settings import explain
from datasets.dataset import Dataset
from datasets.load import load_dataset
from datasets.sources import settings_from_json
from leaderboard.sharing import without_folders


class SharedResult(BaseModel):
    """The file that a pull request adds to `leaderboard/submissions/`.

    result: as in run.json, without folders of whoever made it. dataset_settings: what opens its dataset anywhere; None
    where that needs scans. hashes: field of `result` -> hash of its value when the file was written.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    result: RunResult
    dataset_settings: dict[str, Any] | None = None
    hashes: dict[str, str] = Field(description="field of result -> hash of its value")

    @classmethod
    def of(cls, run: RunResult, settings: dict[str, Any] | None) -> "SharedResult":
        """The file of a result."""
        return cls(result=run, dataset_settings=settings, hashes=field_hashes(run))

    @property
    def file_name(self) -> Path:
        """Its path in a folder of submissions: a folder for each dataset, a name of its own for each run."""
        run = self.result
        protocol = run.protocol.partition("@")[0]
        return Path(f"{run.dataset}-{run.dataset_fingerprint[:8]}", f"{run.method}-{protocol}-{run.key[:8]}.json")


@dataclass(frozen=True)
class Claim:
    """A result that somebody made, and where it stands. dataset: where it can be opened here."""

    path: Path
    run: RunResult
    dataset: Dataset | None = None


def field_hashes(run: RunResult) -> dict[str, str]:
    """Field -> twelve hexadecimal digits that change whenever its value does."""
    return {name: digest(value)[:12] for name, value in run.model_dump(mode="json").items()}


def to_share(workspace: Workspace, path: Path, subject_ids: bool = False) -> SharedResult:
    """A verified result of a workspace as others may read it.

    Args:
        workspace: Where its dataset is looked for.
        path: Its run.json.
        subject_ids: Let the ids of scanned subjects stand in it.

    Raises:
        BenchError: It is no sound, finished result; or it names subjects, or a folder in its settings.
    """
    run = load_run(path)
    if run.status != "finished" or run.n < run.of:
        raise BenchError(f"{path}: {run.method} scored {run.n} of {run.of} cases ({run.status}): finish it first.")
    place = workspace.dataset(run.dataset, run.dataset_fingerprint)
    dataset = reopened_dataset(workspace, place) if place.settings_file.exists() else None
    check(run, path, dataset)
    scans = dataset is None or shows_people(place)
    if scans and not subject_ids:
        raise BenchError(
            f"{path} names {run.n} subjects, such as {run.cases[0].id}: if anybody may read that, add --subject-ids."
        )
    if folder := next((key for key, value in run.config.items() if without_folders(str(value)) != str(value)), None):
        raise BenchError(f"{path}: the setting {folder} is a folder of yours: run it with a relative path.")
    settings = None if scans else json.loads(place.settings_file.read_text(encoding="utf-8"))
    return SharedResult.of(_without_folders(run), settings)


def _without_folders(run: RunResult) -> RunResult:
    description = {key: without_folders(value) for key, value in run.dataset_description.items()}
    return run.model_copy(update={"dataset_description": description})


def claims(source: Path, cache_folder: Path) -> list[Claim | BenchError]:
    """The results of a file, of a folder of submissions, or of a workspace; or why one cannot be read.

    cache_folder: where datasets that are made here keep cases.

    Raises:
        BenchError: There is none.
    """
    workspace = Workspace(source)
    if source.is_file():
        files = [source]
    elif workspace.runs.is_dir():
        files = workspace.run_files()
    else:
        files = visible_files(source, "**/*.json")
    if not files:
        raise BenchError(f"{source} holds no results: name a workspace, a folder of submissions, or a run.json.")
    opened: dict[str, Dataset | None] = {}
    found: list[Claim | BenchError] = []
    for file in files:
        try:
            found.append(_claim(file, cache_folder, opened))
        except BenchError as problem:
            found.append(problem)
    return found


def _claim(path: Path, cache_folder: Path, opened: dict[str, Dataset | None]) -> Claim:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read as JSON: fetch it again.") from error
    shared = isinstance(content, dict) and "result" in content
    model: type[BaseModel] = SharedResult if shared else RunResult
    try:
        value = model.model_validate(content)
    except ValidationError as error:
        raise BenchError(f"{path}: {explain(error, model)}") from error
    if isinstance(value, RunResult):
        return Claim(path, value, _beside(path, value, opened))
    assert isinstance(value, SharedResult)
    _check_unchanged(path, value)
    dataset = None
    if value.dataset_settings is not None:
        text = json.dumps(value.dataset_settings)
        if text not in opened:
            opened[text] = load_dataset(settings_from_json(text), cache_folder)
        dataset = opened[text]
    return Claim(path, value.result, dataset)


def _check_unchanged(path: Path, shared: SharedResult) -> None:
    """BenchError that names the fields whose value is not the one that was written."""
    own = field_hashes(shared.result)
    changed = sorted(name for name in own.keys() | shared.hashes.keys() if own.get(name) != shared.hashes.get(name))
    if changed:
        so = "".join(f" ({problem.rstrip('.')})" for problem in problems(shared.result)[:1])
        were = "was" if len(changed) == 1 else "were"
        raise BenchError(f"{path}: {' and '.join(changed)} {were} changed after the file was written{so}.")


def _beside(path: Path, run: RunResult, opened: dict[str, Dataset | None]) -> Dataset | None:
    """The dataset of a workspace's result, where its scans are here as they were."""
    if len(path.absolute().parents) < 6:
        return None
    workspace = Workspace(path.absolute().parents[5])
    place = workspace.dataset(run.dataset, run.dataset_fingerprint)
    if str(place.path) not in opened:
        try:
            opened[str(place.path)] = reopened_dataset(workspace, place)
        except BenchError:
            opened[str(place.path)] = None
    return opened[str(place.path)]


def verified(found: Sequence[Claim | BenchError], known: Sequence[RunResult] = ()) -> tuple[list[Claim], list[str]]:
    """The sound ones, each checked against the earlier ones and those known; and why others do not count."""
    sound: list[Claim] = []
    refused = []
    for one in found:
        try:
            if isinstance(one, BenchError):
                raise one
            check(one.run, one.path, one.dataset, [*known, *(other.run for other in sound)])
            sound.append(one)
        except BenchError as problem:
            refused.append(str(problem))
    return sound, refused


def merge(workspace: Workspace, sound: Sequence[Claim]) -> tuple[list[Path], list[str]]:
    """Keep verified results in a workspace; gives their run.json, and what was there already and stays.

    They stand on the boards; maps and trained parts are where they were made.
    """
    written, notes = [], []
    for claim in sound:
        run = claim.run
        identity = run.url if run.external else run.config
        place = workspace.dataset(run.dataset, run.dataset_fingerprint)
        folder = RunLayout(place.run(run.method, digest(run.dataset_fingerprint, run.method, identity, run.seed)))
        results = folder.results(run.protocol.partition("@")[0])
        if results.run_file.exists():
            here = load_run(results.run_file)
            same = here.cases == run.cases
            what = "the same result is" if same else f"a result of {here.created[:16]} with other numbers is"
            notes.append(f"{claim.path}: {what} here already, in {results.path}")
            continue
        write_text(results.table_file, cases_csv(run))
        save_result(results.run_file, run)
        written.append(results.run_file)
    return written, notes
