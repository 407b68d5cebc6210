"""The folder of predictions is a valid BIDS derivative."""

import json
import shutil

import nibabel

from tests.bench.predicting.conftest import Made
from tests.valid_bids import errors_of, needs_validator


def test_headers_and_sources_are_those_of_the_scans(made: Made, tmp_path):
    folder = shutil.copytree(made.scans / "sub-1", tmp_path / "a" / "sub-1")
    image = nibabel.load(folder / "anat" / "sub-1_T1w.nii.gz")
    image.set_sform(image.affine, 1)
    image.to_filename(folder / "anat" / "sub-1_T1w.nii.gz")
    loose = shutil.copy(made.scans / "sub-2" / "anat" / "sub-2_T1w.nii.gz", tmp_path)
    for scan in (folder / "anat" / "sub-1_T1w.nii.gz", loose, tmp_path / "a"):
        assert made.predict(scan, tmp_path / "out").exit_code == 0
    said = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert said["SourceDatasets"] == [{"URL": (tmp_path / "a").as_uri()}, {"URL": tmp_path.as_uri()}]
    for name in ("anomaly", "desc-anomaly_mask"):
        header = nibabel.load(tmp_path / "out" / "sub-1" / "anat" / f"sub-1_{name}.nii.gz").header
        assert (int(header["sform_code"]), header.get_xyzt_units()[0]) == (1, "mm")


@needs_validator
def test_the_validator_finds_no_error(made: Made, tmp_path):
    (tmp_path / "sub-bad_T1w.nii.gz").write_text("no image")
    assert made.predict(made.scans / "sub-1", tmp_path / "sub-bad_T1w.nii.gz", tmp_path / "out").exit_code == 1
    assert (tmp_path / "out" / "set_aside.json").exists() and (tmp_path / "out" / "sub-1" / "figures").is_dir()
    assert errors_of(tmp_path / "out") == []
