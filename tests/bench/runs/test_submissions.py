"""Maps of any program: pairing, refusals, the place on the board of a dataset or of a folder of labels."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

import bench.runs.datasets
import bench.runs.evaluation
from bench import cli
from bench.contributing.contract import tiny_dataset
from bench.results import load_run
from bench.runs.submissions import read_map
from bench.runs.tracking import Tracker
from bench.runs.workspace import Workspace
from datasets.case import Case, NativeGrid

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (20, 18, 16)
IDS = ("sub-1", "sub-2", "sub-3_ses-1")


def write(path: Path, volume, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(np.asarray(volume), affine).to_filename(path)


def volumes(index):
    """A brain, a lesion of 3 x 3 x 3 voxels, and a map that shows it."""
    brain = np.zeros(SHAPE, np.uint8)
    brain[2:18, 2:16, 2:14] = 1
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[4 + index : 7 + index, 6:9, 6:9] = 1
    noise = np.random.default_rng(index).uniform(0, 1, SHAPE)
    return brain, lesion, (noise + 2 * lesion).astype(np.float32)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three cases, one of them a session, with maps, labels and brain masks; a workspace without MLflow."""
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    for index, name in enumerate(IDS):
        brain, lesion, anomaly_map = volumes(index)
        write(tmp_path / "labels" / f"{name}_label-lesion_mask.nii.gz", lesion)
        write(tmp_path / "labels" / f"{name}_desc-brain_mask.nii.gz", brain)
        write(tmp_path / "maps" / f"{name}_anomaly.nii.gz", anomaly_map)
    return tmp_path


def evaluate(*arguments):
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, arguments)])


def only_run(folder):
    (path,) = Workspace(folder / "workspace").run_files()
    return load_run(path)


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


def test_without_brain_masks_the_brain_extracted_images_beside_the_labels_say_what_is_brain(folders):
    evaluate(folders / "maps", "--labels", folders / "labels")
    by_mask = only_run(folders)
    for index, name in enumerate(IDS):
        (folders / "labels" / f"{name}_desc-brain_mask.nii.gz").unlink()
        write(folders / "labels" / f"{name}_desc-brain_T1w.nii.gz", 100.0 * volumes(index)[0])
    shown = evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "by-image")
    assert shown.exit_code == 0, shown.output
    by_image = next(
        run for run in map(load_run, Workspace(folders / "workspace").run_files()) if run.method == "by-image"
    )
    assert [case.metrics for case in by_image.cases] == [case.metrics for case in by_mask.cases]


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


def test_of_two_images_beside_a_label_none_is_needed_where_there_is_a_brain_mask(folders):
    for run in ("run-1", "run-2"):
        write(folders / "labels" / f"sub-2_{run}_T1w.nii.gz", volumes(1)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0
    (folders / "labels" / "sub-2_desc-brain_mask.nii.gz").unlink()
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and "sub-2 has two files" in shown.output


def test_a_brain_mask_on_another_grid_sets_its_case_aside(folders):
    write(folders / "labels" / "sub-2_desc-brain_mask.nii.gz", np.ones((4, 5, 6), np.uint8))
    evaluate(folders / "maps", "--labels", folders / "labels")
    assert "(4, 5, 6), but" in only_run(folders).failed_cases["sub-2"]


def test_brain_masks_may_lie_elsewhere_under_plain_names(folders):
    for name in IDS:
        path = folders / "labels" / f"{name}_desc-brain_mask.nii.gz"
        (folders / "brains").mkdir(exist_ok=True)
        path.rename(folders / "brains" / f"{name}.nii.gz")
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and "name the folder that does with --brain-masks" in shown.output
    shown = evaluate(folders / "maps", "--labels", folders / "labels", "--brain-masks", folders / "brains")
    assert shown.exit_code == 0, shown.output


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


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("labels/Patient3_lesion.nii.gz", "Patient3_lesion.nii.gz cannot be paired, its name does not begin with a"),
        ("labels/sub-4_dseg.nii.gz", "sub-4_dseg.nii.gz does not say that it is a label, as sub-1_label-lesion_mask"),
        ("labels/sub-2_lesion.nii.gz", "sub-2 has two files that could be its label"),
    ],
)
def test_labels_that_cannot_be_paired_stop_the_command(folders, file, sentence):
    write(folders / file, volumes(1)[1])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and sentence in shown.output and str(folders / file) in shown.output


def test_a_label_under_another_id_counts_as_a_case_without_a_map(folders):
    write(folders / "labels" / "sub-02a-2_label-lesion_mask.nii.gz", volumes(1)[1])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 1 and "3/4" in shown.output


def test_files_that_are_not_used_are_named(folders):
    write(folders / "labels" / "template_T1w.nii.gz", volumes(1)[2])
    write(folders / "labels" / "sub-9_desc-brain_mask.nii.gz", volumes(1)[0])
    write(folders / "maps" / "Patient3_anomaly.nii.gz", volumes(1)[2])
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 0
    assert f"1 file is not used, such as {folders / 'labels/template_T1w.nii.gz'}: their names" in shown.output
    assert "1 subjects in" in shown.output and "have no label, such as sub-9." in shown.output
    assert "1 maps belong to no test case and are left out, such as" in shown.output


def test_images_are_never_labels(folders):
    evaluate(folders / "maps", "--labels", folders / "labels")
    before = only_run(folders)
    for index, name in enumerate(IDS):
        label = folders / "labels" / f"{name}_label-lesion_mask.nii.gz"
        label.rename(folders / "labels" / f"{name}_seg.nii.gz")
        for image in ("desc-lesionfilled_T1w", "FLAIR", "t1ce"):
            write(folders / "labels" / f"{name}_{image}.nii.gz", volumes(index)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0
    assert [case.metrics for case in only_run(folders).cases] == [case.metrics for case in before.cases]


def test_a_bare_mask_beside_a_label_is_that_of_the_brain(folders):
    for name in IDS:
        brain = folders / "labels" / f"{name}_desc-brain_mask.nii.gz"
        brain.rename(folders / "labels" / f"{name}_mask.nii.gz")
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0


def test_two_images_beside_a_brain_mask_do_no_harm(folders):
    for image in ("T1w", "desc-brain_T1w"):
        write(folders / "labels" / f"sub-1_{image}.nii.gz", volumes(0)[2])
    assert evaluate(folders / "maps", "--labels", folders / "labels").exit_code == 0


def test_a_link_without_content_is_one_sentence(folders):
    label = folders / "labels" / "sub-2_label-lesion_mask.nii.gz"
    label.unlink()
    label.symlink_to("gone.nii.gz")
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 2 and f"{label} cannot be opened; fetch its content if it is a link." in shown.output


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


@pytest.fixture
def tiny(folders, monkeypatch):
    """The tiny dataset with ids as BIDS has them, and cases whose own grid is larger than the prepared one."""
    shifted = AFFINE.copy()
    shifted[:3, 3] = -4
    own = NativeGrid((36, 36, 36), shifted)
    found = tiny_dataset()
    named = {
        split: tuple(replace(c, id=f"sub-{c.id.replace('-', '')}", native=own) for c in getattr(found, split))
        for split in ("train", "validation", "test")
    }
    found = replace(found, **named, test_ids=tuple(case.id for case in named["test"]))
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: found)
    return found


def test_from_export_to_the_board_of_our_own_methods(folders, tiny):
    exported = CliRunner().invoke(cli.app, ["export", str(folders / "out")])
    assert exported.exit_code == 0, exported.output
    assert "bench evaluate MAPS --dataset tiny" in exported.output
    assert len(list(folders.glob("out/labels/*/anat/*lesion*.nii.gz"))) == 2
    for path in folders.glob("out/images/sub-*/anat/*_T1w.nii.gz"):
        brain = nibabel.load(str(path).replace("T1w", "desc-brain_mask"))
        image = nibabel.load(path)
        write(folders / "made" / path.name, np.abs(image.get_fdata(dtype=np.float32)) * brain.get_fdata(), image.affine)
    CliRunner().invoke(cli.app, ["run", "--method", "random"])
    shown = evaluate(folders / "made", "--dataset", "tiny", "--method-name", "theirs")
    assert shown.exit_code == 0 and "6 maps belong to no test case" in shown.output
    board = json.loads(CliRunner().invoke(cli.app, ["leaderboard", "--format", "json"]).stdout)
    assert {row["label"]: row["n"] for row in board["rows"]} == {"theirs": 2, "random": 2}


def test_maps_on_the_subjects_own_grid_give_the_same_numbers(folders, tiny):
    CliRunner().invoke(cli.app, ["export", str(folders / "out"), "--split", "test"])
    for case in tiny.test:
        write(folders / "prepared" / f"{case.id}.nii.gz", case.image[0], case.affine)
        write(folders / "own" / f"{case.id}.nii.gz", np.pad(case.image[0], 2), case.native.affine)
    evaluate(folders / "prepared", "--dataset", "tiny")
    evaluate(folders / "own", "--dataset", "tiny")
    one, other = (load_run(path) for path in Workspace(folders / "workspace").run_files())
    assert {one.method, other.method} == {"prepared", "own"} and one.metrics == other.metrics


def test_all_healthy_validation_cases_are_needed(folders, tiny):
    CliRunner().invoke(cli.app, ["export", str(folders / "out"), "--split", "test"])
    for case in (*tiny.test, tiny.validation[0]):
        folder = "healthy" if case.lesion_mask is None else "made"
        write(folders / folder / f"{case.id}.nii.gz", case.image[0], case.affine)
    options = ("--dataset", "tiny", "--protocol", "paper-fpr5", "--healthy-maps", folders / "healthy")
    shown = evaluate(folders / "made", *options)
    assert shown.exit_code == 2 and f"holds no map of {tiny.validation[1].id}: all 2 healthy" in shown.output
    write(folders / "healthy" / f"{tiny.validation[1].id}.nii.gz", tiny.validation[1].image[0], AFFINE)
    assert evaluate(folders / "made", *options).exit_code == 0


def test_a_folder_of_another_dataset_is_not_exported_into(folders, tiny, monkeypatch):
    assert CliRunner().invoke(cli.app, ["export", str(folders / "out"), "--split", "test"]).exit_code == 0
    monkeypatch.setattr(
        bench.runs.datasets, "load_dataset", lambda settings, cache_folder: replace(tiny, fingerprint="another")
    )
    shown = CliRunner().invoke(cli.app, ["export", str(folders / "out")])
    assert shown.exit_code == 2 and "holds another dataset already" in shown.output


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name",
    ["images/dataset_description.json", "labels/notes.txt", "images/sub-1/anat/sub-1_T1w.nii.gz", "images"],
)
def test_export_writes_beside_nothing_that_it_did_not_make(folders, tiny, name):
    (folders / "out" / name).parent.mkdir(parents=True, exist_ok=True)
    (folders / "out" / name).write_text("{}")
    before = contents(folders / "out")
    shown = CliRunner().invoke(cli.app, ["export", str(folders / "out")])
    assert shown.exit_code == 2 and "Traceback" not in shown.output
    assert ("`bench export` did not make" in shown.output) or ("is no folder" in shown.output)
    assert contents(folders / "out") == before


def test_an_export_goes_on_and_keeps_what_is_there_but_not_into_a_changed_table(folders, tiny):
    export = ["export", str(folders / "out")]
    assert CliRunner().invoke(cli.app, [*export, "--split", "test"]).exit_code == 0
    before = contents(folders / "out")
    assert CliRunner().invoke(cli.app, export).exit_code == 0
    table = folders / "out" / "images" / "participants.tsv"
    after = contents(folders / "out")
    assert all(after[path] == content for path, content in before.items() if path != table)
    assert len(after) > len(before) and CliRunner().invoke(cli.app, export).exit_code == 0
    assert contents(folders / "out") == after
    table.write_text(table.read_text().replace("split\n", "split\tage\n"))
    shown = CliRunner().invoke(cli.app, export)
    assert shown.exit_code == 2 and "participants.tsv was changed" in " ".join(shown.output.split())


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


def test_a_scaled_label_is_no_healthy_subject_but_an_empty_one_is(folders):
    label = folders / "labels" / "sub-2_label-lesion_mask.nii.gz"
    write(label, (0.45 * volumes(1)[1]).astype(np.float32))
    shown = evaluate(folders / "maps", "--labels", folders / "labels")
    assert shown.exit_code == 1 and "2/3" in shown.output
    assert "has values, such as 0.45, but none reaches 0.5; is it scaled?" in only_run(folders).failed_cases["sub-2"]
    write(label, np.zeros(SHAPE, np.uint8))
    assert evaluate(folders / "maps", "--labels", folders / "labels", "--method-name", "b").exit_code == 0


def test_maps_that_an_earlier_version_read_less_well_are_read_again(folders):
    evaluate(folders / "maps", "--labels", folders / "labels")
    taken = list(Workspace(folders / "workspace").runs.glob("*/*/scored/*.json"))
    assert len(taken) == 3
    for file in taken:
        assert '"source": "2:' in file.read_text()
        file.write_text(file.read_text().replace('"source": "2:', '"source": "'))
    evaluate(folders / "maps", "--labels", folders / "labels")
    assert all('"source": "2:' in file.read_text() for file in taken)
