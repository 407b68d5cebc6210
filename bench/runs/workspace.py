"""What lies where in a workspace, the folder that commands work in. Nothing else builds these paths.

components/<name>-<key12>/         trained parts
models/<name>/                     models, see bench.models
datasets/                          prepared cases, made anew when missing
runs/<dataset>-<fingerprint8>/     the runs on one dataset, see `DatasetLayout`
logs/<time>-<command>.log          what commands said
mlflow.db, mlartifacts/            the same results in MLflow; mlflow.db.lock is held while a command logs there
"""

import glob
from dataclasses import dataclass
from pathlib import Path

from bench.files import visible_files
from bench.temporary import remove_leftovers

RECORD_FILE = "runtime.json"
RUN_FILE = "run.json"
UNTRACKED_FILE = "untracked.txt"


@dataclass(frozen=True)
class Workspace:
    """The folder that commands work in: trained parts, prepared cases, runs.

    Args:
        path: The folder; `~` is expanded. It need not exist yet.
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).expanduser())

    def __str__(self) -> str:
        return str(self.path)

    def absolute(self) -> "Workspace":
        """The same, for processes that work in other folders."""
        return Workspace(self.path.absolute())

    @property
    def trained_parts(self) -> Path:
        """Folder of the store."""
        return self.path / "components"

    @property
    def models(self) -> Path:
        """Folder of models."""
        return self.path / "models"

    @property
    def datasets(self) -> Path:
        """Folder of prepared cases, absolute."""
        return (self.path / "datasets").absolute()

    @property
    def runs(self) -> Path:
        """Folder of all runs."""
        return self.path / "runs"

    @property
    def logs(self) -> Path:
        """Folder of what commands said."""
        return self.path / "logs"

    @property
    def mlflow_database(self) -> Path:
        """MLflow's SQLite file, absolute."""
        return self.path.resolve() / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's folder of files, absolute."""
        return self.path.resolve() / "mlartifacts"

    def remove_leftovers(self) -> None:
        """Remove what killed commands left half written. It takes milliseconds; every command that writes begins so."""
        remove_leftovers(self.trained_parts, self.datasets, self.runs)

    def dataset(self, name: str, fingerprint: str) -> "DatasetLayout":
        """Folder of the runs on one dataset."""
        return DatasetLayout(self.runs / f"{name}-{fingerprint[:8]}")

    def all_datasets(self) -> "list[DatasetLayout]":
        """Folders of the runs on each dataset, in alphabetical order."""
        return [DatasetLayout(path) for path in sorted(self.runs.glob("*")) if path.is_dir()]

    def run_files(self) -> list[Path]:
        """Results of all runs under all protocols, in alphabetical order."""
        return sorted(self.runs.glob(f"*/*/results/*/{RUN_FILE}"))

    def untracked(self) -> "list[ResultsLayout]":
        """Results that MLflow has not taken yet, in alphabetical order."""
        marks = sorted(self.runs.glob(f"*/*/results/*/{UNTRACKED_FILE}"))
        return [ResultsLayout(mark.parent) for mark in marks if (mark.parent / RUN_FILE).exists()]


@dataclass(frozen=True)
class DatasetLayout:
    """What lies where in the folder of the runs on one dataset.

    dataset.json       settings that open the dataset again
    <method>-<key8>/   one method's run, see `RunLayout`
    """

    path: Path

    def is_of(self, name: str, fingerprint: str = "") -> bool:
        """Whether it is of the dataset of that name, whose fingerprint begins so."""
        start = self.path.name[-8:]
        return self.path.name == f"{name}-{start}" and start.startswith(fingerprint[:8])

    @property
    def settings_file(self) -> Path:
        """Settings that open the dataset again."""
        return self.path / "dataset.json"

    @property
    def labels_file(self) -> Path:
        """The same of labels without images, as it was called once."""
        return self.path / "labels.json"

    def run(self, method: str, key: str) -> Path:
        """Folder of one method's run with one config and seed, of which `key` is the hash."""
        return self.path / f"{method}-{key[:8]}"

    def all_runs(self) -> list[Path]:
        """Folders of all runs, in alphabetical order."""
        return [file.parent for file in sorted(self.path.glob(f"*/{RECORD_FILE}"))]


@dataclass
class RunLayout:
    """What lies where in the folder of one method's run.

    maps/<id>_anomaly.nii.gz     the anomaly map on the subject's own grid, in a BIDS derivative
    prepared/<id>.nii.gz         the same on the prepared grid, float32: what is evaluated
    validation/<id>.nii.gz       maps of healthy validation cases, for protocols that set thresholds on them
    healthy_brains/<id>.nii.gz   their brain masks, where no dataset knows them (maps made elsewhere)
    runtime.json                 the record of the method as a whole
    scored/<id>.json             what scoring a case took: it is finished
    failed/<id>.txt              why a case that is not finished has no map
    errors.log                   tracebacks of what failed
    usage.jsonl                  how busy the machine was meanwhile; see bench.machine.usage
    results/<protocol>/          see `ResultsLayout`
    """

    path: Path

    @property
    def record_file(self) -> Path:
        """The record of the method as a whole."""
        return self.path / RECORD_FILE

    def scored_file(self, case_id: str) -> Path:
        """What scoring a case took."""
        return self.path / "scored" / f"{case_id}.json"

    def failure_file(self, case_id: str) -> Path:
        """Why a case has no map."""
        return self.path / "failed" / f"{case_id}.txt"

    @property
    def error_log(self) -> Path:
        """Tracebacks of what failed."""
        return self.path / "errors.log"

    @property
    def usage_file(self) -> Path:
        """How busy the machine was while methods were fitted and cases scored."""
        return self.path / "usage.jsonl"

    @property
    def maps(self) -> Path:
        """Folder of the maps on the subjects' own grids."""
        return self.path / "maps"

    def map_path(self, case_id: str) -> Path:
        """The map on the subject's own grid."""
        return self.maps / f"{case_id}_anomaly.nii.gz"

    def prepared_path(self, case_id: str) -> Path:
        """The map on the prepared grid."""
        return self.path / "prepared" / f"{case_id}.nii.gz"

    def validation_path(self, case_id: str) -> Path:
        """The map of a healthy validation case, on the prepared grid."""
        return self.path / "validation" / f"{case_id}.nii.gz"

    def healthy_brain_path(self, case_id: str) -> Path:
        """The brain mask of a healthy case that the dataset does not know."""
        return self.path / "healthy_brains" / f"{case_id}.nii.gz"

    def validation_maps(self) -> list[Path]:
        """All maps of healthy validation cases."""
        return visible_files(self.path, "validation/*.nii.gz")

    def healthy_brains(self) -> list[Path]:
        """All brain masks of healthy cases that the dataset does not know."""
        return visible_files(self.path, "healthy_brains/*.nii.gz")

    def results(self, protocol: str) -> "ResultsLayout":
        """The results under the protocol of that name."""
        return ResultsLayout(self.path / "results" / protocol)

    def case_results(self, case_id: str) -> list[Path]:
        """Results of a case under all protocols."""
        return list(self.path.glob(f"results/*/cases/{glob.escape(case_id)}.json"))


@dataclass(frozen=True)
class ResultsLayout:
    """What lies where among the results of one run under one protocol.

    protocol.json     the protocol itself
    cases/<id>.json   result of a case
    cases.csv         the same as a table
    run.json          all of it, which the leaderboard reads
    config.yaml       what `bench run --config` takes to repeat it
    untracked.txt     there as long as MLflow has not taken it
    *.png             figures
    """

    path: Path

    @property
    def protocol_file(self) -> Path:
        """The protocol itself."""
        return self.path / "protocol.json"

    def case_file(self, case_id: str) -> Path:
        """Result of a case."""
        return self.path / "cases" / f"{case_id}.json"

    def case_files(self) -> list[Path]:
        """Results of all cases."""
        return visible_files(self.path, "cases/*.json")

    @property
    def table_file(self) -> Path:
        """Results of all cases as CSV."""
        return self.path / "cases.csv"

    @property
    def run_file(self) -> Path:
        """The run's result."""
        return self.path / RUN_FILE

    @property
    def config_file(self) -> Path:
        """What `bench run --config` takes to repeat the run."""
        return self.path / "config.yaml"

    @property
    def untracked_file(self) -> Path:
        """There as long as MLflow has not taken the run."""
        return self.path / UNTRACKED_FILE

    def figures(self) -> list[Path]:
        """Pictures among the results."""
        return sorted(self.path.glob("*.png"))
