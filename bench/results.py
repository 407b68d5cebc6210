"""What a run leaves on disk: one JSON per case and one per run, validated, with a schema version."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench.errors import BenchError
from bench.files import write_text

SCHEMA_VERSION = 1


class CaseResult(BaseModel):
    """One scored case under one protocol.

    metrics: name -> value, None where it is not defined.
    lesions: one (volume_ml, found) pair per connected component of the ground truth.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    id: str
    threshold: float | None
    metrics: dict[str, float | None]
    lesions: list[tuple[float, bool]] = []
    image_score: float | None = Field(None, description="of the map as a whole: mean of its top 1 % inside the brain")
    runtime_s: float | None = Field(None, ge=0, description="scoring only, data loading and metrics excluded")


class MetricSummary(BaseModel):
    """Mean and standard error over the cases where the metric is defined."""

    mean: float | None
    se: float | None
    n: int


class RunFacts(BaseModel):
    """What is known of a run, written down once: its record and its result inherit these fields."""

    method: str
    title: str
    baseline: bool = False
    paper_row: str | None = Field(None, description="the row of the paper's Table 1 that the method stands for")
    config: dict[str, str | int | float | bool | None] = Field(default={}, description="flattened, dotted keys")
    preset: str | None = None
    seed: int
    device: str | None = None
    fit_s: float | None = None
    inherited_fit_s: float | None = Field(None, description="of fit_s, for parts that came trained with the package")
    parameters: int | None = None
    peak_memory_mb: float | None = None
    external: bool = Field(False, description="the maps were made by another program, which `url` tells of")
    url: str | None = None
    source: str = Field("", description="hash of the code behind the method when scoring began")
    versions: dict[str, str] = Field(default={}, description="of what made the maps: bench, its commit, python, torch")

    @field_validator("device")
    @classmethod
    def _empty_device(cls, device: str | None) -> str | None:
        return device or None  # records of version 0.1 say "" where it is not known

    def facts(self) -> dict[str, Any]:
        """These fields alone, as another model that inherits them takes them."""
        return self.model_dump(include=set(RunFacts.model_fields))


class RunResult(RunFacts):
    """One method on one dataset under one protocol."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    key: str = Field(description="identity: dataset fingerprint x method x config x seed x protocol")
    dataset: str
    dataset_fingerprint: str
    dataset_description: dict[str, str] = {}
    channels: list[str] = []
    protocol: str = Field(description="name@version")
    protocol_hash: str
    oracle: bool = Field(description="the threshold saw the ground truth: an upper bound")
    status: Literal["finished", "failed", "skipped"]
    error: str | None = Field(None, description="why it failed, or was skipped as a method that cannot run here")
    of: int = Field(ge=0, description="number of test cases in the dataset")
    failed_cases: dict[str, str] = Field(default={}, description="case id -> reason")
    cases: list[CaseResult] = []
    metrics: dict[str, MetricSummary] = {}
    runtime_s_per_case: float | None = None
    network_evaluations_per_case: float | None = None
    bench_version: str | None = Field(None, description="of the code that evaluated")
    git_commit: str | None = Field(None, description="of the code that evaluated")
    created: str = Field(description="UTC, ISO 8601")

    @property
    def n(self) -> int:
        """Cases that were scored and evaluated."""
        return len(self.cases)


def save_result(path: Path, result: CaseResult | RunResult) -> None:
    """Write a result as JSON, atomically."""
    write_text(path, result.model_dump_json(indent=1) + "\n")


def load_run(path: Path) -> RunResult:
    """Read a run's JSON; raises BenchError naming the file when it is not one."""
    try:
        return RunResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError) as error:
        raise BenchError(f"{path} is not a result of this version of bench: remove it or run again.") from error
