"""The folder of one method's run: maps, the record of the method, and a file for each case: scored, or failed."""

import hashlib
import json
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from bench.errors import BenchError, reason
from bench.files import read_scores, save_nifti, visible_files, write_text
from bench.reporting import LOG, Reporter
from bench.results import RunFacts
from bench.runs.workspace import RunLayout
from datasets import output
from datasets.case import Case, FloatArray, NativeGrid, ScoreArray
from datasets.dataset import Dataset
from datasets.preparing.preparation import to_native

MAPS_IGNORED = "*_anomaly.nii.gz\n"


class Scored(BaseModel):
    """What scoring one case took, unknown for maps made elsewhere; of these, the hash of their file."""

    runtime_s: float | None = None
    network_evaluations: int | None = None
    peak_memory_mb: float | None = Field(None, description="of the process, since it began to score")
    source: str | None = None


class Record(RunFacts):
    """Who made the maps and what the method as a whole took: runtime.json."""

    model_config = ConfigDict(extra="forbid")

    error: str | None = Field(None, description="why the method as a whole failed")
    skipped: str | None = Field(None, description="why the method cannot run here; then there are no maps")


@dataclass
class RunFolder(RunLayout):
    """One method's folder and its record.

    Several commands may work in one folder, of one machine or of many: what is known of a case is a file of its own,
    which nobody else writes, so nothing is lost and nobody waits. What is known of the method as a whole is the last
    command's that saved it.
    """

    record: Record

    @classmethod
    def open(cls, path: Path, fresh: Record, reporter: Reporter) -> "RunFolder":
        """The folder with the record it holds; a new one starts with `fresh`, and so does one whose record is damaged,
        which is said."""
        if not RunLayout(path).record_file.exists():
            return cls(path, fresh)
        try:
            return cls.load(path)
        except BenchError:
            folder, maps, unknown = cls.rebuilt(path, fresh)
            reporter.say(
                f"{fresh.method}: {folder.record_file} was damaged and is made anew from {maps} maps"
                + (
                    f"; what scoring {unknown} of them took is not known any more, --again scores every case anew"
                    if unknown
                    else ""
                )
            )
            return folder

    @classmethod
    def load(cls, path: Path) -> "RunFolder":
        """An existing folder; raises BenchError when its record cannot be read."""
        file = RunLayout(path).record_file
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            cases = {case_id: Scored(**values) for case_id, values in content.pop("cases", {}).items()}
            failed = {case_id: str(why) for case_id, why in content.pop("failed", {}).items()}
            folder = cls(path, Record(**content))
        except (OSError, ValidationError, ValueError, TypeError, AttributeError) as error:
            raise BenchError(
                f"{file} is damaged: `bench run` with the same method and settings makes it anew from its maps."
            ) from error
        if cases or failed:
            folder._move_apart(cases, failed)
        return folder

    def _move_apart(self, cases: dict[str, Scored], failed: dict[str, str]) -> None:
        """What an earlier version's record says of cases, into files of their own; those that are there are newer."""
        for case_id, scored in cases.items():
            if not self.scored_file(case_id).exists():
                self.note_scored(case_id, scored)
        for case_id, why in failed.items():
            if not self.failure_file(case_id).exists():
                write_text(self.failure_file(case_id), why + "\n")
        self.save()

    @classmethod
    def rebuilt(cls, path: Path, fresh: Record) -> "tuple[RunFolder, int, int]":
        """A folder whose record is damaged: a new one, the old one kept beside it; how many maps there are, and of how
        many of these nothing is known, since an earlier version noted it in the record."""
        folder = cls(path, fresh)
        folder.record_file.replace(folder.record_file.with_suffix(".json.damaged"))
        maps = [found.name.removesuffix(".nii.gz") for found in visible_files(path, "prepared/*.nii.gz")]
        unknown = [case_id for case_id in maps if not folder.scored_file(case_id).exists()]
        for case_id in unknown:
            folder.note_scored(case_id, Scored())
        folder.save()
        return folder, len(maps), len(unknown)

    def save(self) -> None:
        """Write what is known of the method as a whole."""
        write_text(self.record_file, self.record.model_dump_json(indent=1) + "\n")

    def is_scored(self, case_id: str) -> bool:
        """Whether the case is finished, by whatever command: its map is there, and what it took."""
        return self.prepared_path(case_id).exists() and self.scored(case_id) is not None

    def scored(self, case_id: str) -> Scored | None:
        """What scoring a case took; None when it is not scored, or its file is damaged, so that it is scored again."""
        try:
            return Scored.model_validate_json(self.scored_file(case_id).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def failures(self) -> dict[str, str]:
        """Case id -> why it has no result; it will be tried again."""
        found = {}
        for file in visible_files(self.path, "failed/*.txt"):
            case_id = file.name.removesuffix(".txt")
            if not self.is_scored(case_id):
                with suppress(FileNotFoundError):  # another command has scored it just now
                    found[case_id] = file.read_text(encoding="utf-8").strip()
        return found

    def forget_scores(self) -> None:
        """Make every case unfinished, so that all are scored again."""
        for path in (*visible_files(self.path, "scored/*.json"), *self.validation_maps()):
            path.unlink(missing_ok=True)

    def keep_map(self, case: Case, anomaly_map: FloatArray, scored: Scored) -> None:
        """Write both maps of a test case and note it as finished; its older results no longer count."""
        self.write_maps(case, anomaly_map)
        self.note_scored(case.id, scored)

    def write_maps(self, case: Case, anomaly_map: FloatArray) -> None:
        """Write both maps of a test case, which `note_scored` then makes a finished one."""
        x, y, z = anomaly_map.shape
        native = case.native or NativeGrid((x, y, z), case.affine)
        native_map = to_native(anomaly_map, case, outside=float(anomaly_map[case.brain_mask].min()))
        save_nifti(self.map_path(case.id), native_map, native.affine, native.space)
        self._write_prepared(case, anomaly_map)

    def keep_prepared(self, case: Case, anomaly_map: ScoreArray, scored: Scored) -> None:
        """As `keep_map`, without the map on the subject's own grid."""
        self._write_prepared(case, anomaly_map)
        self.note_scored(case.id, scored)

    def _write_prepared(self, case: Case, anomaly_map: ScoreArray) -> None:
        for path in self.case_results(case.id):
            path.unlink(missing_ok=True)
        save_nifti(self.prepared_path(case.id), anomaly_map, case.affine)

    def note_scored(self, case_id: str, scored: Scored) -> None:
        """Note a case, whose maps are written, as finished."""
        write_text(self.scored_file(case_id), scored.model_dump_json(indent=1) + "\n")
        self.failure_file(case_id).unlink(missing_ok=True)

    def keep_failure(self, case_id: str, error: Exception) -> None:
        """Note why a case has no result; it will be tried again, and counts for nothing once it is finished."""
        self.log(case_id, error)
        if not self.is_scored(case_id):
            write_text(self.failure_file(case_id), reason(error) + "\n")

    def forget(self, case_id: str) -> None:
        """Make a case unfinished."""
        self.scored_file(case_id).unlink(missing_ok=True)

    def log(self, what: str, error: Exception) -> None:
        """Append the traceback to errors.log, and to the command's log."""
        LOG.debug("%s", what, exc_info=error)
        self.path.mkdir(parents=True, exist_ok=True)
        with self.error_log.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n{''.join(traceback.format_exception(error))}\n")


def describe_maps(folder: RunFolder, dataset: Dataset, scans: Path | None) -> None:
    """Make a BIDS derivative of the folder of maps, if there is one: what made them, of which scans.

    BIDS has no name for anomaly maps, which are no probabilities: `.bidsignore` says so.
    """
    if not folder.maps.is_dir() or (folder.maps / output.DESCRIPTION).exists():
        return
    record = folder.record
    settings: dict[str, JsonValue] = {"Method": record.method, "Config": {**record.config}, "Seed": record.seed}
    words: dict[str, JsonValue] = {"Settings": settings, "Fingerprint": dataset.fingerprint}
    output.note(folder.maps, "bench run", f"{record.title}: anomaly maps of {dataset.name}", words, scans, MAPS_IGNORED)


def digest(*parts: object) -> str:
    """A hash of values that JSON can hold, for keys of runs.

    It is not `datasets.fingerprint.fingerprint`, which writes the JSON without spaces: both names stand in the
    workspaces that people have, digests in run folders and keys, fingerprints in dataset folders and trained parts.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load_map(path: Path) -> ScoreArray:
    """Read a map back, as precise as it was; raises BenchError when the file is damaged."""
    try:
        return read_scores(path)[0]
    except BenchError as error:
        raise BenchError(f"{path} is damaged: remove it and run again.") from error
