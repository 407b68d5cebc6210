"""Metrics of medpy and surface-distance: by hand, edge cases, and next to ours where definitions coincide."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metrics.definitions import medpy, standard, surface_distance
from metrics.evaluate import evaluate_case
from metrics.protocol import protocol

OPTIONAL = (*medpy.METRICS, *surface_distance.METRICS)
BARE = protocol("authors-code")
PAPER = protocol("paper")
SHAPE = (40, 24, 24)
BRAIN = np.ones(SHAPE, dtype=bool)
SPACING_MM = (2.0, 2.0, 2.0)


def boxes(*starts, size=4):
    mask = np.zeros(SHAPE, dtype=bool)
    for x in starts:
        mask[x : x + size, 8 : 8 + size, 8 : 8 + size] = True
    return mask


def measured(prediction, truth, preset=PAPER):
    return evaluate_case(prediction.astype(float), truth, BRAIN, SPACING_MM, preset, 0.5, OPTIONAL).metrics


def test_objects_by_hand():
    # of two lesions one is found; of three predicted objects two are false
    found = measured(boxes(4, 22, 32), boxes(4, 12))
    assert found["medpy_obj_tpr"] == pytest.approx(1 / 2)
    assert found["medpy_obj_fpr"] == pytest.approx(2 / 3)


def test_surfaces_by_hand():
    # dilated by a voxel: both surfaces lie 2 mm apart, but for edges and corners
    found = measured(boxes(10), boxes(10))
    assert found["medpy_assd_mm"] == pytest.approx(2)
    assert found["surface_distance_dice_2mm"] > 0.5
    assert 2 <= found["surface_distance_hd95_mm"] <= found["surface_distance_hd99_mm"] <= 2 * np.sqrt(3) + 1e-6


def test_the_libraries_agree_with_ours_where_definitions_coincide():
    generator = np.random.default_rng(0)
    truth = boxes(3, 14, 30) & (generator.random(SHAPE) > 0.1)
    prediction = boxes(4, 22)
    metrics = (*standard.METRICS, *OPTIONAL)
    found = evaluate_case(prediction.astype(float), truth, BRAIN, SPACING_MM, PAPER, 0.5, metrics).metrics
    assert found["medpy_assd_mm"] == pytest.approx(found["symmetric_msd_mm"])
    assert found["surface_distance_hd99_mm"] == pytest.approx(found["hd99_max_mm"], rel=0.2)
    assert found["surface_distance_dice_2mm"] == pytest.approx(found["surface_dice_2mm"], abs=0.2)


def test_empty_masks():
    nothing = boxes()
    assert set(measured(boxes(4), nothing).values()) == {None}
    missed = measured(nothing, boxes(4))
    diagonal_mm = 2 * float(np.linalg.norm(SHAPE))
    assert missed == {
        "medpy_assd_mm": pytest.approx(diagonal_mm),
        "medpy_obj_tpr": 0.0,
        "medpy_obj_fpr": 1.0,
        "surface_distance_dice_2mm": 0.0,
        "surface_distance_hd99_mm": pytest.approx(diagonal_mm),
        "surface_distance_hd95_mm": pytest.approx(diagonal_mm),
    }
    dropped = evaluate_case(np.zeros(SHAPE), boxes(10), BRAIN, SPACING_MM, BARE, 0.5, OPTIONAL).metrics
    assert set(dropped.values()) == {None}


def test_the_libraries_are_imported_only_when_measured():
    code = (
        "import sys, metrics.definitions.medpy, metrics.definitions.surface_distance\n"
        "assert not {'medpy', 'surface_distance', 'scipy', 'torch'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
