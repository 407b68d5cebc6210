"""The folder of one method's run: maps, and the record of what was scored."""

import hashlib
import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError, reason
from bench.files import read_scores, save_nifti, write_text
from bench.reporting import Reporter
from bench.results import RunFacts
from bench.runs.workspace import RunLayout
from datasets.case import Case, FloatArray, NativeGrid, ScoreArray
from datasets.preparing.preparation import to_native


class Scored(BaseModel):
    """What scoring one case took, unknown for maps made elsewhere; of these, the hash of their file."""

    runtime_s: float | None = None
    network_evaluations: int | None = None
    source: str | None = None


class Record(RunFacts):
    """Who made the maps and what it took: runtime.json."""

    model_config = ConfigDict(extra="forbid")

    error: str | None = Field(None, description="why the method as a whole failed")
    skipped: str | None = Field(None, description="why the method cannot run here; then there are no maps")
    cases: dict[str, Scored] = Field(default={}, description="case id -> what scoring it took")
    failed: dict[str, str] = Field(default={}, description="case id -> reason; it will be tried again")


@dataclass
class RunFolder(RunLayout):
    """One method's folder and its record; `record` is saved after every change that matters.

    Several commands may work in one folder. What they know of cases is added up: it is read anew before each change.
    What is known of the method as a whole is the last command's.
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
            folder = cls.rebuilt(path, fresh)
            reporter.say(
                f"{fresh.method}: {folder.record_file} was damaged and is made anew from {len(fresh.cases)} maps; what "
                "scoring them took is not known any more, --again scores every case anew"
            )
            return folder

    @classmethod
    def load(cls, path: Path) -> "RunFolder":
        """An existing folder; raises BenchError when its record cannot be read."""
        file = RunLayout(path).record_file
        try:
            return cls(path, Record.model_validate_json(file.read_text(encoding="utf-8")))
        except (OSError, ValidationError, ValueError) as error:
            raise BenchError(
                f"{file} is damaged: `bench run` with the same method and settings makes it anew from its maps."
            ) from error

    @classmethod
    def rebuilt(cls, path: Path, fresh: Record) -> "RunFolder":
        """A folder whose record is damaged: a new one of the maps that are there, the old one kept beside it."""
        folder = cls(path, fresh)
        folder.record_file.replace(folder.record_file.with_suffix(".json.damaged"))
        for found in sorted(path.glob("prepared/*.nii.gz")):
            fresh.cases[found.name.removesuffix(".nii.gz")] = Scored()
        folder.save()
        return folder

    def save(self) -> None:
        """Write what is known of the method as a whole."""
        with self._changing():
            pass

    @contextmanager
    def _changing(self) -> Iterator[Record]:
        """The record, its cases as the file has them now; written at the end, while other commands wait."""
        self.path.mkdir(parents=True, exist_ok=True)
        with FileLock(self.record_lock):
            if self.record_file.exists():
                now = self.load(self.path).record
                self.record.cases, self.record.failed = now.cases, now.failed
            yield self.record
            write_text(self.record_file, self.record.model_dump_json(indent=1) + "\n")

    def is_scored(self, case_id: str) -> bool:
        """Whether the case is finished: its map is there and the record knows it."""
        return case_id in self.record.cases and self.prepared_path(case_id).exists()

    def forget_scores(self) -> None:
        """Make every case unfinished, so that all are scored again."""
        with self._changing() as record:
            record.cases.clear()
        for path in self.validation_maps():
            path.unlink(missing_ok=True)

    def keep_map(self, case: Case, anomaly_map: FloatArray, scored: Scored) -> None:
        """Write both maps of a test case and note it as finished; its older results no longer count."""
        x, y, z = anomaly_map.shape
        native = case.native or NativeGrid((x, y, z), case.affine)
        native_map = to_native(anomaly_map, case, outside=float(anomaly_map[case.brain_mask].min()))
        save_nifti(self.map_path(case.id), native_map, native.affine, native.space)
        self.keep_prepared(case, anomaly_map, scored)

    def keep_prepared(self, case: Case, anomaly_map: ScoreArray, scored: Scored) -> None:
        """The same without the map on the subject's own grid."""
        for path in self.case_results(case.id):
            path.unlink(missing_ok=True)
        save_nifti(self.prepared_path(case.id), anomaly_map, case.affine)
        with self._changing() as record:
            record.failed.pop(case.id, None)
            record.cases[case.id] = scored

    def keep_failure(self, case_id: str, error: Exception) -> None:
        """Note why a case has no result, unless another command has one by now; it will be tried again."""
        self.log(case_id, error)
        with self._changing() as record:
            if not self.is_scored(case_id):
                record.failed[case_id] = reason(error)

    def forget(self, case_id: str) -> None:
        """Make a case unfinished."""
        with self._changing() as record:
            record.cases.pop(case_id, None)

    def log(self, what: str, error: Exception) -> None:
        """Append the traceback to errors.log."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self.error_log.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n{''.join(traceback.format_exception(error))}\n")


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
