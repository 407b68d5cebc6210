"""Maps of any program: pairing, refusals, the place on the board of a dataset or of a folder of labels."""

import json

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from bench import cli
from bench.results import load_run
from bench.runs.submissions import read_map
from bench.runs.workspace import Workspace
from datasets.case import Case, NativeGrid
from tests.bench.runs.made_maps import AFFINE, IDS, SHAPE, evaluate, only_run, volumes, write


def test_maps_of_any_program_are_evaluated_and_stand_on_the_board(folders):
    shown = evaluate(
        *(folders / "maps", "--labels", folders / "labels", "--method-name", "theirs", "--url", "https://example.org")
    )
    assert shown.exit_code == 0, shown.output
    assert "theirs (external)" in shown.output and "3/3" in shown.output and "see https://example.org" in shown.output
    run = only_run(folders)
    assert [case.id for case in run.cases] == list(IDS)
    assert (run.external, run.url, run.runtime_s_per_case) == (True, "https://example.org", None)
    assert run.metrics["auroc"].mean == 1 and run.metrics["tpr"].mean == 1
    (table,) = folders.glob("workspace/runs/labels-*/theirs-*/results/paper/cases.csv")
    assert len(table.read_text().splitlines()) == 4
    board = json.loads(CliRunner().invoke(cli.app, ["leaderboard", "--format", "json"]).stdout)
    assert board["rows"][0]["external"] and board["rows"][0]["place"] == 1


def test_the_same_labels_share_a_board_and_another_protocol_needs_no_maps(folders):
    evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "one")
    evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "two")
    board = json.loads(CliRunner().invoke(cli.app, ["leaderboard", "--format", "json"]).stdout)
    assert [(row["label"], row["place"]) for row in board["rows"]] == [("one", 1), ("two", 1)]
    again = evaluate("--protocol", "authors-code", "--method", "two")
    assert again.exit_code == 0 and "authors-code@2" in again.output and "two (external)" in again.output


def test_a_missing_map_is_a_case_that_counts(folders):
    (folders / "maps" / "sub-2_anomaly.nii.gz").unlink()
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 1 and "2/3" in shown.output
    run = only_run(folders)
    assert (run.method, run.n, run.of) == ("maps", 2, 3)
    assert run.failed_cases == {"sub-2": f"{folders / 'maps'} holds no map of it."}
    write(folders / "maps" / "sub-2_anomaly.nii.gz", volumes(1)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0
    assert only_run(folders).n == 3


def bad_shape(path):
    write(path, np.zeros((20, 18, 15), np.float32))


def bad_affine(path):
    write(path, volumes(1)[2], np.diag([1.0, 2.0, 2.0, 1.0]))


def nan_inside(path):
    anomaly_map = volumes(1)[2]
    anomaly_map[5, 5, 5] = np.nan
    write(path, anomaly_map)


def two_volumes(path):
    write(path, np.zeros((*SHAPE, 2), np.float32))


def truncated(path):
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (bad_shape, "has the shape (20, 18, 15), but sub-2 has (20, 18, 16)"),
        (bad_affine, "has the affine [1 0 0 0; 0 2 0 0; 0 0 2 0], but sub-2 has [2 0 0 0; 0 2 0 0; 0 0 2 0]"),
        (nan_inside, "has 1 voxels inside the brain that are not finite"),
        (two_volumes, "has 4 dimensions (20, 18, 16, 2); keep one 3D volume"),
        (truncated, "is damaged or incomplete: gzip cannot unpack it; copy it again"),
    ],
)
def test_a_bad_map_is_set_aside_with_its_reason_and_counted(folders, spoil, sentence):
    path = folders / "maps" / "sub-2_anomaly.nii.gz"
    spoil(path)
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 1 and "Traceback" not in shown.output
    run = only_run(folders)
    assert run.n == 2 and sentence in run.failed_cases["sub-2"] and str(path) in run.failed_cases["sub-2"]


def test_nan_outside_the_brain_does_no_harm(folders):
    anomaly_map = volumes(1)[2]
    anomaly_map[0, 0, 0] = np.nan
    write(folders / "maps" / "sub-2_anomaly.nii.gz", anomaly_map)
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0


def test_two_files_of_one_subject_are_both_named(folders):
    write(folders / "maps" / "sub-2" / "sub-2_other.nii.gz", volumes(1)[2])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2
    assert "sub-2_anomaly.nii.gz" in shown.output and "sub-2_other.nii.gz" in shown.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("maps",), "need either --labels DIR, or --dataset NAME"),
        (("maps", "--labels", "labels", "--dataset", "phantom"), "need either"),
        (("maps", "--labels", "labels", "--method", "zscore"), "by --method-name"),
        (("--labels", "labels"), "--labels goes with MAPS"),
        (("nowhere", "--labels", "labels"), "does not exist"),
        (("empty", "--labels", "labels"), "holds no NIfTI file whose name begins with a subject"),
        (("maps", "--labels", "empty"), "holds no NIfTI file"),
        (("others", "--labels", "labels"), "holds no map of a test case"),
        (("maps", "--labels", "labels", "--method-name", "a/b"), "letters, digits"),
        (("maps", "--dataset", "phantom"), "knows no dataset phantom: `bench export` or `bench run`"),
        (("maps", "--labels", "labels", "--protocol", "paper-fpr5"), "name their folder with --healthy-maps"),
    ],
)
def test_mistakes_are_one_sentence(folders, arguments, sentence, monkeypatch):
    (folders / "empty").mkdir()
    write(folders / "others" / "sub-99.nii.gz", volumes(0)[2])
    monkeypatch.chdir(folders)
    shown = evaluate(*arguments)
    assert shown.exit_code == 2
    assert sentence in shown.output and shown.stderr.strip().count("\n") == 0


def test_links_and_capitals_are_seen(folders):
    for folder in ("labels", "maps"):
        for path in (folders / folder).glob("sub-2_*"):
            (folders / "pool" / folder).mkdir(parents=True, exist_ok=True)
            path.rename(folders / "pool" / folder / path.name)
        (folders / folder / "sub-2").symlink_to(folders / "pool" / folder)
        for path in (folders / folder).glob("sub-1_*"):
            path.rename(path.with_name(path.name.replace(".nii.gz", ".NII.GZ")))
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 0 and "3/3" in shown.output


def test_hyphens_in_ids_as_bench_run_takes_them(folders):
    for folder in ("labels", "maps"):
        for path in (folders / folder).glob("sub-2_*"):
            path.rename(path.with_name(path.name.replace("sub-2_", "sub-MS-01_")))
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 0 and "sub-MS-01" in [case.id for case in only_run(folders).cases]


def test_files_that_are_not_used_are_named(folders):
    write(folders / "labels" / "template_T1w.nii.gz", volumes(1)[2])
    write(folders / "labels" / "sub-9_desc-brain_mask.nii.gz", volumes(1)[0])
    write(folders / "maps" / "Patient3_anomaly.nii.gz", volumes(1)[2])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 0
    assert f"1 file is not used, such as {folders / 'labels/template_T1w.nii.gz'}: their names" in shown.output
    assert "1 subjects in" in shown.output and "have no label, such as sub-9." in shown.output
    assert "1 maps belong to no test case and are left out, such as" in shown.output


@pytest.mark.parametrize("brains", [None, "healthy", "brains"])
def test_no_brain_is_made_of_a_healthy_map(folders, brains):
    for name in ("sub-8", "sub-9"):
        write(folders / "healthy" / f"{name}_anomaly.nii.gz", volumes(8)[2])
    write(folders / "brains" / "sub-8.nii.gz", volumes(8)[0])
    for name in IDS:
        write(folders / "brains" / f"{name}.nii.gz", volumes(8)[0])
    options = ("--labels", folders / "labels", "--healthy-maps", folders / "healthy", "--protocol", "paper-fpr5")
    if brains:
        for path in (folders / "labels").glob("*brain*"):
            write(folders / "healthy" / path.name, volumes(8)[0])
        options += ("--brain-masks", folders / brains)
    shown = evaluate(folders / "maps", *options)
    lacking = "sub-9" if brains == "brains" else "sub-8"
    assert shown.exit_code == 2 and f"The healthy case {lacking} has no brain mask: put {lacking}_desc" in shown.output


def test_thresholds_are_not_learned_on_test_cases(folders):
    options = ("--labels", folders / "labels", "--healthy-maps", folders / "maps", "--protocol", "paper-fpr5")
    shown = evaluate(folders / "maps", *options)
    assert shown.exit_code == 2 and "is of the test case sub-1: thresholds are learned on healthy maps" in shown.output


def test_healthy_maps_give_the_deployable_threshold(folders):
    values = []
    for index, name in enumerate(("sub-8", "sub-9")):
        brain, _, anomaly_map = volumes(10 + index)
        write(folders / "healthy" / f"{name}_anomaly.nii.gz", anomaly_map)
        write(folders / "healthy" / f"{name}_desc-brain_mask.nii.gz", brain)
        values.append(anomaly_map[brain > 0])
    healthy = ("--healthy-maps", folders / "healthy", "--protocol", "paper-fpr5")
    shown = evaluate(folders / "maps", "--labels", folders / "labels", *healthy)
    assert shown.exit_code == 0, shown.output
    (threshold,) = {case.threshold for case in only_run(folders).cases}
    assert threshold == pytest.approx(np.quantile(np.concatenate(values), 0.95), abs=0.01)
    assert evaluate("--protocol", "paper-fpr10").exit_code == 0  # the healthy maps were kept


def with_maps(folders, change):
    """Every map made anew of its lesion and noise."""
    for index, name in enumerate(IDS):
        _, lesion, _ = volumes(index)
        noise = np.random.default_rng(index).uniform(0, 1, SHAPE)
        change(folders / "maps" / f"{name}_anomaly.nii.gz", lesion, noise)


def one_minus_p(path, lesion, noise):
    """As p-values make them: p from 1e-10 in lesions to 1e-7 elsewhere, of which single precision leaves few."""
    write(path, 1 - np.where(lesion, 1e-10 * (1 + noise), 1e-9 + 1e-8 * noise))


def large_integers(path, lesion, noise):
    nibabel.Nifti1Image((2**30 + 10 * noise + 20 * lesion).astype(np.int64), AFFINE, dtype=np.int64).to_filename(path)


def large_unsigned(path, lesion, noise):
    write(path, (2**31 + 10 * noise + 20 * lesion).astype(np.uint32))


def five_axes(path, lesion, noise):
    write(path, (noise + 2 * lesion)[..., None, None])


@pytest.mark.parametrize("change", [one_minus_p, large_integers, large_unsigned, five_axes])
def test_maps_keep_their_precision_and_may_have_axes_of_one(folders, change):
    with_maps(folders, change)
    for protocol in ("paper", "paper-dataset-oracle", "authors-code"):
        shown = evaluate(folders / "maps", "--labels", folders / "labels", "--protocol", protocol)
        assert shown.exit_code == 0, shown.output
    runs = [load_run(path) for path in Workspace(folders / "workspace").run_files()]
    assert [run.metrics["auroc"].mean for run in runs] == [1, 1, 1]


def test_maps_on_the_subjects_own_grid_keep_their_precision_too(folders, tiny):
    values = 1 - 1e-10 * (1 + np.arange(np.prod(SHAPE)).reshape(SHAPE))
    brain = volumes(0)[0] > 0
    for grid in (AFFINE, AFFINE * [[1], [1], [1], [1]]):
        case = Case("sub-1", np.empty((0, *SHAPE), np.float32), brain, None, AFFINE, (), NativeGrid(SHAPE, grid))
        write(folders / "map.nii.gz", values)
        assert np.array_equal(read_map(folders / "map.nii.gz", case)[brain], values[brain])


def test_units_in_the_header_make_millimetres(folders):
    evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "a")
    for unit, factor in (("micron", 1000), ("meter", 0.001)):
        for path in [*(folders / "labels").iterdir(), *(folders / "maps").iterdir()]:
            image = nibabel.load(path)
            affine = np.diag([2.0 * factor] * 3 + [1])
            changed = nibabel.Nifti1Image(np.asarray(image.dataobj), affine)
            changed.header.set_xyzt_units(unit)
            changed.to_filename(path)
        shown = evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", unit)
        assert shown.exit_code == 0, shown.output
    runs = [load_run(path) for path in Workspace(folders / "workspace").run_files()]
    assert [run.metrics["hd99_mm"].mean for run in runs] == pytest.approx([runs[0].metrics["hd99_mm"].mean] * 3)


def test_maps_that_an_earlier_version_read_less_well_are_read_again(folders):
    evaluate(folders / "maps", "--labels", folders / "labels")
    taken = list(Workspace(folders / "workspace").runs.glob("*/*/scored/*.json"))
    assert len(taken) == 3
    for file in taken:
        assert '"source": "2:' in file.read_text()
        file.write_text(file.read_text().replace('"source": "2:', '"source": "'))
    evaluate(folders / "maps", "--labels", folders / "labels")
    assert all('"source": "2:' in file.read_text() for file in taken)
