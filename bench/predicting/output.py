"""What lies where in the folder that predictions are written to, and what it may be used for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from bench.errors import BenchError
from bench.files import visible_files, write_json
from datasets import output
from datasets.scans.names import anat_folder, subject_of

COMMAND = "bench predict"
IGNORED = "*_anomaly.nii.gz\n*.html\n**/figures\npredictions.tsv\nset_aside.json\n"  # what BIDS has no name for


def source_url(scan: Path) -> str:
    """The BIDS folder that a scan lies in, otherwise the folder around it; of a folder, itself."""
    folder = scan if scan.is_dir() else scan.parent
    named = [above for above in (folder, *folder.parents) if above.name.startswith("sub-")]
    return (named[-1].parent if named else folder).resolve().as_uri()


@dataclass(frozen=True)
class Predictions:
    """The folder of predictions, a BIDS derivative.

    sub-X/anat/sub-X_anomaly.nii.gz             the map on the scan's own grid
    sub-X/anat/sub-X_desc-anomaly_mask.nii.gz   what lies above the threshold, likewise
    sub-X/anat/sub-X_desc-anomaly_mask.json     the sidecar, written last: with it the scan is done
    sub-X/figures/sub-X_desc-anomaly_qc.png     the picture
    predictions.tsv, index.html                 all scans
    set_aside.json                              id -> why there is no prediction
    """

    path: Path

    def map_path(self, case_id: str) -> Path:
        """The anomaly map."""
        return self.path / anat_folder(case_id) / f"{case_id}_anomaly.nii.gz"

    def mask_path(self, case_id: str) -> Path:
        """The mask."""
        return self.path / anat_folder(case_id) / f"{case_id}_desc-anomaly_mask.nii.gz"

    def sidecar_path(self, case_id: str) -> Path:
        """The sidecar."""
        return self.path / anat_folder(case_id) / f"{case_id}_desc-anomaly_mask.json"

    def picture_path(self, case_id: str) -> Path:
        """The picture."""
        return self.path / subject_of(case_id) / "figures" / f"{case_id}_desc-anomaly_qc.png"

    @property
    def table(self) -> Path:
        """All scans, one a line."""
        return self.path / "predictions.tsv"

    @property
    def page(self) -> Path:
        """All scans, with their pictures."""
        return self.path / "index.html"

    @property
    def set_aside(self) -> Path:
        """Why scans have no prediction."""
        return self.path / "set_aside.json"

    def sidecars(self) -> list[Path]:
        """Those of all scans that are done."""
        return visible_files(self.path, "sub-*/**/*_desc-anomaly_mask.json")

    def begin(self, settings: dict[str, JsonValue], scans: Sequence[Path]) -> None:
        """Mark the folder as one of predictions with these settings; those of other scans may be there.

        BenchError, with nothing touched, when it holds others, or files that this command did not write.
        """
        known = output.noted(self.path, COMMAND)
        if known is not None and known.get("Settings") != settings:
            before = known.get("Settings")
            differing = [key for key in settings if not isinstance(before, dict) or before.get(key) != settings[key]]
            raise BenchError(
                f"{self.path} holds predictions with another {' and '.join(differing).lower()}: name a new folder."
            )
        before_now = known.get("SourceDatasets") if known else None
        sources: list[JsonValue] = list(before_now) if isinstance(before_now, list) else []
        new: list[JsonValue] = [{"URL": url} for url in dict.fromkeys(source_url(path) for path in scans)]
        sources += [one for one in new if one not in sources]
        if known is None or sources != before_now:
            words: dict[str, JsonValue] = {"SourceDatasets": sources, "Settings": settings}
            output.note(self.path, COMMAND, "predicted anomalies", words, ignored=IGNORED)

    def note_set_aside(self, reasons: dict[str, str]) -> None:
        """Write down why scans have no prediction; nothing is left when all have one."""
        if reasons:
            write_json(self.set_aside, reasons)
        else:
            self.set_aside.unlink(missing_ok=True)
