"""The folder of one method's run: maps, and the record of what was scored."""

import hashlib
import json
import traceback
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError, reason
from bench.files import read_volume, save_nifti, write_text
from bench.results import RunFacts
from bench.runs.workspace import RunLayout
from datasets.case import Case, FloatArray
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
    """One method's folder and its record; `record` is saved after every change that matters."""

    record: Record

    @classmethod
    def open(cls, path: Path, fresh: Record) -> "RunFolder":
        """The folder with the record it holds; a new one starts with `fresh`."""
        return cls.load(path) if RunLayout(path).record_file.exists() else cls(path, fresh)

    @classmethod
    def load(cls, path: Path) -> "RunFolder":
        """An existing folder; raises BenchError when its record cannot be read."""
        file = RunLayout(path).record_file
        try:
            return cls(path, Record.model_validate_json(file.read_text(encoding="utf-8")))
        except (OSError, ValidationError, ValueError) as error:
            raise BenchError(f"{file} cannot be read: remove that folder and run again.") from error

    def save(self) -> None:
        """Write the record."""
        write_text(self.record_file, self.record.model_dump_json(indent=1) + "\n")

    def is_scored(self, case_id: str) -> bool:
        """Whether the case is finished: its map is there and the record knows it."""
        return case_id in self.record.cases and self.prepared_path(case_id).exists()

    def forget_scores(self) -> None:
        """Make every case unfinished, so that all are scored again."""
        self.record.cases.clear()
        for path in self.validation_maps():
            path.unlink()

    def keep_map(self, case: Case, anomaly_map: FloatArray, scored: Scored) -> None:
        """Write both maps of a test case and note it as finished; its older results no longer count."""
        native_affine = case.affine if case.native is None else case.native.affine
        native_map = to_native(anomaly_map, case, outside=float(anomaly_map[case.brain_mask].min()))
        save_nifti(self.map_path(case.id), native_map, native_affine)
        self.keep_prepared(case, anomaly_map, scored)

    def keep_prepared(self, case: Case, anomaly_map: FloatArray, scored: Scored) -> None:
        """The same without the map on the subject's own grid."""
        for path in self.case_results(case.id):
            path.unlink()
        save_nifti(self.prepared_path(case.id), anomaly_map, case.affine)
        self.record.failed.pop(case.id, None)
        self.record.cases[case.id] = scored
        self.save()

    def keep_failure(self, case_id: str, error: Exception) -> None:
        """Note why a case has no result; it will be tried again."""
        self.record.failed[case_id] = reason(error)
        self.log(case_id, error)
        self.save()

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


def load_map(path: Path) -> FloatArray:
    """Read a map back, float32; raises BenchError when the file is damaged."""
    try:
        return read_volume(path, finite=False)[0]
    except BenchError as error:
        raise BenchError(f"{path} is damaged: remove it and run again.") from error
