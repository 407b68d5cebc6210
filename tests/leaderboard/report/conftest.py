"""A small report: two methods and a baseline, an oracle and a deployable protocol, two cases with maps."""

from pathlib import Path

import numpy as np
import pytest

from datasets.case import Case
from leaderboard.ranking import place_draws
from leaderboard.report.content import (
    CaseView,
    DatasetView,
    Entry,
    LesionsFound,
    MethodEntry,
    MethodView,
    ProtocolView,
    Report,
    Setting,
)
from leaderboard.report.site import write_report
from leaderboard.report.volumes import volumes
from leaderboard.selection import BoardChoice
from leaderboard.table import Table, build_table
from metrics.froc import Detections
from metrics.protocol import PROTOCOLS

SHAPE = (24, 28, 20)
PAPER, AUTHORS = PROTOCOLS[0], PROTOCOLS[1]


@pytest.fixture(scope="session")
def case() -> Case:
    """A block of brain with a gap to the array's end on one side only, and a lesion in it."""
    brain_mask = np.zeros(SHAPE, bool)
    brain_mask[1:22, 3:26, 0:18] = True
    lesion_mask = np.zeros(SHAPE, bool)
    lesion_mask[6:11, 8:13, 7:11] = True
    image = np.where(brain_mask, np.linspace(-0.5, 0.9, SHAPE[0])[:, None, None], -1.0).astype(np.float32)[None]
    affine = np.diag([-2.0, 2, 2, 1])  # stored from right to left
    return Case("sub-1", image, brain_mask, lesion_mask, affine, ("T1w",))


@pytest.fixture(scope="session")
def anomaly_map(case: Case) -> np.ndarray:
    """Noise, single voxels that post-processing drops, and the lesion."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=SHAPE).astype(np.float32)
    scores[case.lesion_mask] += 4
    return scores


def tables(make_run) -> tuple[Table, Table]:
    good, poor = {"tpr": [0.9, 0.8], "hd99_vox": [3.0, 4.0]}, {"tpr": [0.4, 0.2], "hd99_vox": [9.0, 12.0]}
    worst = {"tpr": [0.1, 0.0], "hd99_vox": [19.0, 22.0]}
    names = ["spatial-msma", "ae", "zscore"]
    values = dict(zip(names, (good, poor, worst), strict=True))
    oracle = [make_run(n, baseline=n == "zscore", runtime_s_per_case=2.0, **v) for n, v in values.items()]
    deployable = [
        run.model_copy(update={"protocol": "paper-fpr5@1", "protocol_hash": "b", "oracle": False}) for run in oracle[1:]
    ]
    metrics = ["hd99_vox", "tpr"]
    return build_table(oracle, metrics=metrics), build_table(deployable, BoardChoice(), metrics)


@pytest.fixture(scope="session")
def report(make_run, case: Case, anomaly_map: np.ndarray) -> Report:
    oracle, deployable = tables(make_run)
    counts = Detections(np.array([0.0, 1.0]), np.array([[2, 1], [1, 0]]), np.array([[4, 1], [2, 0]]), np.array([2, 1]))
    first = ProtocolView(
        oracle,
        place_draws(oracle.rows, oracle.metrics),
        {row.label: counts for row in oracle.rows},
        lesions={"sub-0": LesionsFound([2.5, 0.1], {row.label: [True, False] for row in oracle.rows})},
    )
    second = ProtocolView(deployable, None, froc_note="There is no free-response ROC: no maps.")
    rows = {row.label: {"paper@1": row} for row in oracle.rows}
    for row in deployable.rows:
        rows[row.label]["paper-fpr5@1"] = row
    entries = [Entry(label, label, own) for label, own in rows.items()]
    thresholds = {"spatial-msma": {"paper@1": 2.25}, "ae": {}}
    packed = volumes(case, {"spatial-msma": anomaly_map, "ae": anomaly_map**2}, thresholds, [PAPER])
    cases = [CaseView("sub-0", packed), CaseView("sub-1", None)]
    dataset = DatasetView("phantom", "0123456789abcdef", [first, second], entries, cases)
    settings = [Setting("smoothing_mm", "2.0", "0.0", "width of the blur, <in mm>")]
    methods = [
        MethodView(
            one.label,
            one.label.title(),
            one.any_row.baseline,
            False,
            "somebody",
            "What it does.",
            [MethodEntry(dataset, one, settings, [("score-model-1234", {"took": "3 s"})], {"seed": "0"})],
        )
        for one in entries
    ]
    return Report([dataset], methods, "Made today")


@pytest.fixture(scope="session")
def site(report: Report, tmp_path_factory) -> Path:
    """The report as a folder."""
    folder = tmp_path_factory.mktemp("site")
    write_report(report, folder)
    return folder


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; skips where there is none."""
    pytest.importorskip("playwright.sync_api")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        paths = [Path(playwright.chromium.executable_path), Path("/usr/bin/chromium"), Path("/usr/bin/google-chrome")]
        found = next((path for path in paths if path.exists()), None)
        if found is None:
            pytest.skip("there is no Chromium here")
        chromium = playwright.chromium.launch(executable_path=str(found), args=["--no-sandbox"])
        yield chromium
        chromium.close()
