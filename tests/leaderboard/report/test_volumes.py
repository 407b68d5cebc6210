"""What the viewer gets: levels that give the scored prediction back, axes to the right, front and top."""

import base64
import json
import zlib

import numpy as np
import pytest

from datasets.case import Case
from leaderboard.report.volumes import MARGIN, map_edges, volumes
from metrics.postprocess import segmentation
from metrics.protocol import PROTOCOLS


def unpacked(text: str, shape) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)


def test_every_threshold_is_an_edge_and_gives_the_voxels_above_it(case: Case, anomaly_map: np.ndarray) -> None:
    thresholds = {"paper@1": 1.5, "paper-fpr5@1": float(np.quantile(anomaly_map, 0.95))}
    packed = volumes(case, {"a": anomaly_map}, {"a": thresholds}, PROTOCOLS[:1])
    levels = unpacked(packed["maps"][0]["levels"], packed["shape"])
    for name, threshold in thresholds.items():
        index = packed["maps"][0]["thresholds"][name]
        assert packed["maps"][0]["edges"][index - 1] == threshold
        assert (levels >= index).sum() == ((anomaly_map > threshold) & case.brain_mask).sum()


def test_the_volumes_are_turned_cropped_and_framed(case: Case, anomaly_map: np.ndarray) -> None:
    packed = volumes(case, {"a": anomaly_map}, {}, PROTOCOLS[:1])
    size = [21 + 2 * MARGIN, 23 + 2 * MARGIN, 18 + 2 * MARGIN]
    assert packed["shape"] == size
    assert packed["spacing_mm"] == [2.0, 2.0, 2.0]
    scan, lesions = (unpacked(packed[name], size) for name in ("scan", "lesions"))
    inside = (slice(MARGIN, -MARGIN),) * 3
    assert (scan[inside] > 0).all() and (scan > 0).sum() == case.brain_mask.sum()
    assert scan[MARGIN, 5, 5] > scan[-MARGIN - 1, 5, 5]  # the array ran from right to left
    assert lesions.sum() == case.lesion_mask.sum()
    x = np.nonzero(lesions.any(axis=(1, 2)))[0]
    assert x.tolist() == [MARGIN + 21 - 1 - (i - 1) for i in range(10, 5, -1)]
    json.dumps(packed, allow_nan=False)


def test_a_constant_map_and_one_without_lesions_are_taken(case: Case) -> None:
    packed = volumes(Case(**{**vars(case), "lesion_mask": None}), {"a": np.zeros(case.brain_mask.shape)}, {}, [])
    assert packed["maps"][0]["edges"] == [0.0]
    assert not unpacked(packed["lesions"], packed["shape"]).any()


def test_edges_are_few_and_ascend() -> None:
    edges = map_edges(np.random.default_rng(0).normal(size=5000), [7.5, -3.0])
    assert len(edges) <= 255 and (np.diff(edges) > 0).all()
    assert {7.5, -3.0} <= set(edges)


@pytest.mark.parametrize("protocol", PROTOCOLS[:2], ids=lambda one: one.name)
def test_the_browser_gives_the_prediction_that_is_scored(case, anomaly_map, protocol, browser) -> None:
    """Threshold, post-processing and dilation in the page, against metrics.postprocess; authors-code has a rim."""
    from importlib import resources

    name = f"{protocol.name}@{protocol.version}"
    scores = np.where(case.brain_mask, anomaly_map, anomaly_map.min())
    packed = volumes(case, {"a": scores}, {"a": {name: 2.25}}, [protocol])
    script = resources.files("leaderboard.report").joinpath("static", "viewer.js").read_text()
    page = browser.new_page()
    page.set_content("<p>empty</p>")
    page.add_script_tag(content=script)
    voxels = page.evaluate(
        """async ([data, name]) => {
            const levels = await unpacked(data.maps[0].levels), scan = await unpacked(data.scan);
            const k = data.maps[0].thresholds[name], rims = {};
            for (const radius in data.rims) rims[radius] = await unpacked(data.rims[radius]);
            return [...predictionAt(levels, k, scan, data.shape, data.protocols[name], rims)];
        }""",
        [packed, name],
    )
    expected = segmentation(scores, case.brain_mask, 2.25, protocol)
    mine = np.array(voxels, bool).reshape(packed["shape"])
    assert expected.sum() > 50
    brain = np.pad(case.brain_mask[::-1], MARGIN)  # the array ran from right to left
    start = np.argwhere(brain).min(axis=0) - MARGIN
    box = tuple(slice(at, at + size) for at, size in zip(start, mine.shape, strict=True))
    assert np.array_equal(mine, np.pad(expected[::-1], MARGIN)[box])
