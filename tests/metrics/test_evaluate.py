from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from metrics.definitions.standard import METRICS
from metrics.evaluate import evaluate_case
from metrics.protocol import PROTOCOLS, protocol

PAPER, AUTHORS_CODE = protocol("paper"), protocol("authors-code")
SHAPE = (24, 20, 16)
BRAIN = np.zeros(SHAPE, dtype=bool)
BRAIN[2:22, 2:18, 2:14] = True
LESION = np.zeros(SHAPE, dtype=bool)
LESION[8:12, 8:11, 6:9] = True  # 36 voxels
NOTHING = np.zeros(SHAPE, dtype=bool)
MAP = LESION.astype(float)
SPACING_MM = (2.0, 2.0, 2.0)
DIAGONAL_VOXELS = np.sqrt(20**2 + 16**2 + 12**2)


def test_a_perfect_map_by_hand():
    evaluation = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, PAPER, threshold=0.5)
    # Dilation adds a voxel to each face: 36 + 2 (12 + 12 + 9). Every lesion surface voxel is one step away from
    # the dilated surface, but for the edges and corners, whose face neighbours are surface as well: also one.
    values = evaluation.metrics
    assert values["dice"] == pytest.approx(2 * 36 / (36 + 36 + 66))
    assert values["msd_vox"] == pytest.approx(1) and values["hd99_vox"] == pytest.approx(1)
    assert values["msd_mm"] == pytest.approx(2) and values["hd99_mm"] == pytest.approx(2)
    assert values["tpr"] == values["ppv"] == values["component_f1"] == values["surface_dice_2mm"] == 1
    assert values["auroc"] == values["average_precision"] == values["best_dice"] == 1
    assert values["predicted_components"] == values["lesion_components"] == 1
    assert values["false_components"] == 0
    assert evaluation.lesions == [(pytest.approx(36 * 8 / 1000), True)]
    assert evaluation.threshold == 0.5


def test_a_shifted_false_component_by_hand():
    false = np.zeros(SHAPE, dtype=bool)
    false[18:21, 4, 4] = True
    values = evaluate_case(MAP + false, LESION, BRAIN, SPACING_MM, PAPER, threshold=0.5).metrics
    assert (values["tpr"], values["ppv"]) == (1, 0.5)
    assert values["component_f1"] == pytest.approx(2 / 3)
    assert (values["predicted_components"], values["false_components"]) == (2, 1)
    assert values["hd99_vox"] == pytest.approx(1)  # directed: false components do not count
    assert values["hd99_max_mm"] > 10 and values["symmetric_msd_mm"] > values["msd_mm"]


def test_oracle_search_finds_the_lesion():
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), 1)
    evaluation = evaluate_case(smooth / smooth.std() + 6 * LESION, LESION, BRAIN, SPACING_MM, PAPER)
    assert evaluation.metrics["tpr"] == evaluation.metrics["ppv"] == 1
    assert evaluation.metrics["hd99_vox"] <= np.sqrt(2)


@pytest.mark.parametrize("preset", [PAPER, AUTHORS_CODE], ids=str)
def test_searching_is_evaluating_at_the_threshold_found(preset):
    anomaly_map = np.random.default_rng(0).normal(size=SHAPE) + 2 * LESION
    searched = evaluate_case(anomaly_map, LESION, BRAIN, SPACING_MM, preset)
    assert evaluate_case(anomaly_map, LESION, BRAIN, SPACING_MM, preset, searched.threshold) == searched


def test_every_metric_is_defined_when_lesion_and_prediction_exist():
    values = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, PAPER).metrics
    assert list(values) == [metric.name for metric in METRICS]
    assert all(value is not None and np.isfinite(value) for value in values.values())
    assert all(0 <= values[metric.name] <= 1 for metric in METRICS if metric.unit == "")


def test_empty_prediction_takes_the_worst_case():
    evaluation = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, PAPER, threshold=2.0)
    for definition in METRICS:
        value = evaluation.metrics[definition.name]
        if definition.empty_prediction == "brain diagonal":
            scale = {"voxel": 1, "mm": 2}[definition.unit]
            assert value == pytest.approx(scale * DIAGONAL_VOXELS), definition.name
        elif isinstance(definition.empty_prediction, float):
            assert value == definition.empty_prediction == 0.0
        elif definition.empty_prediction == "independent":
            assert value == 1
    assert evaluation.metrics["predicted_components"] == evaluation.metrics["false_components"] == 0
    assert evaluation.metrics["lesion_components"] == 1
    assert [found for _, found in evaluation.lesions] == [False]


def test_a_miss_is_never_better_than_a_prediction():
    missed = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, PAPER, threshold=2.0).metrics
    far = np.zeros(SHAPE)
    far[19:22, 17, 13] = 1
    poor = evaluate_case(far, LESION, BRAIN, SPACING_MM, PAPER, threshold=0.5).metrics
    for definition in METRICS:
        if definition.empty_prediction == "brain diagonal":
            assert missed[definition.name] > poor[definition.name]
        elif isinstance(definition.empty_prediction, float):
            assert missed[definition.name] <= poor[definition.name]


def test_authors_code_leaves_a_missed_case_out():
    evaluation = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, AUTHORS_CODE, threshold=2.0)
    for definition in METRICS:
        defined = definition.empty_prediction in ("counted", "independent")
        assert (evaluation.metrics[definition.name] is not None) == defined, definition.name


@pytest.mark.parametrize("preset", [PAPER, AUTHORS_CODE], ids=str)
@pytest.mark.parametrize("threshold", [None, 0.5])
def test_empty_truth_leaves_only_counts(preset, threshold):
    evaluation = evaluate_case(MAP, NOTHING, BRAIN, SPACING_MM, preset, threshold)
    for definition in METRICS:
        value = evaluation.metrics[definition.name]
        assert (value is not None) == (definition.empty_truth == "counted"), definition.name
    assert evaluation.metrics["lesion_components"] == 0 and evaluation.lesions == []
    found = 1 if threshold else 0  # without a truth the search takes the highest candidate
    assert evaluation.metrics["predicted_components"] == evaluation.metrics["false_components"] == found


def test_anisotropic_spacing():
    shifted = np.roll(MAP, 5, axis=2)
    values = evaluate_case(shifted, LESION, BRAIN, (1.0, 1.0, 3.0), PAPER, threshold=0.5).metrics
    assert values["hd99_vox"] == pytest.approx(np.sqrt(1 + 4**2), abs=0.3)
    assert values["hd99_mm"] > 2.5 * values["hd99_vox"]


def test_distance_direction():
    false = np.roll(MAP, 6, axis=0)
    both = replace(PAPER, distance_direction="both")
    values = evaluate_case(MAP + false, LESION, BRAIN, SPACING_MM, both, threshold=0.5).metrics
    assert values["msd_mm"] == values["symmetric_msd_mm"] and values["hd99_mm"] == values["hd99_pooled_mm"]


def test_values_outside_the_brain_do_not_matter():
    wild = np.where(BRAIN, MAP, np.nan)
    wild[0, 0, 0] = np.inf
    for preset in (PAPER, AUTHORS_CODE):
        expected = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, preset)
        assert evaluate_case(wild, LESION, BRAIN, SPACING_MM, preset) == expected


def test_number_types_do_not_matter():
    expected = evaluate_case(MAP, LESION, BRAIN, SPACING_MM, PAPER)
    found = evaluate_case(MAP.astype(np.float32), LESION.astype(np.uint8), BRAIN.astype(np.float32), [2, 2, 2], PAPER)
    assert found == expected
    fortran = [np.asfortranarray(array) for array in (MAP, LESION, BRAIN)]
    assert evaluate_case(*fortran, SPACING_MM, PAPER) == expected


def with_value(value):
    anomaly_map = MAP.copy()
    anomaly_map[10, 10, 7] = value
    return anomaly_map


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((with_value(np.nan), LESION, BRAIN, SPACING_MM), "NaN or infinite in 1 brain voxel"),
        ((with_value(-np.inf), LESION, BRAIN, SPACING_MM), "NaN or infinite in 1 brain voxel"),
        ((MAP.astype(complex), LESION, BRAIN, SPACING_MM), "complex128"),
        ((MAP[1:], LESION, BRAIN, SPACING_MM), r"brain mask has shape \(24, 20, 16\).*\(23, 20, 16\)"),
        ((MAP, LESION[1:], BRAIN, SPACING_MM), "lesion mask has shape"),
        ((MAP[0], LESION[0], BRAIN[0], SPACING_MM), "3D"),
        ((MAP, 3 * LESION, BRAIN, SPACING_MM), "lesion mask holds other values than 0 and 1"),
        ((MAP, LESION, np.where(BRAIN, 1, np.nan), SPACING_MM), "brain mask holds other values"),
        ((MAP, LESION.astype(str), BRAIN, SPACING_MM), "lesion mask holds other values"),
        ((MAP, LESION, NOTHING, SPACING_MM), "brain mask is empty"),
        ((MAP, LESION, BRAIN, (2.0, 2.0)), "three positive numbers"),
        ((MAP, LESION, BRAIN, (2.0, 2.0, 0.0)), "three positive numbers"),
        ((MAP, LESION, BRAIN, (2.0, 2.0, np.nan)), "three positive numbers"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        evaluate_case(*arguments, PAPER)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["paper-fpr5", "paper-fpr10", "paper-dataset-oracle"])
def test_shared_thresholds_must_be_given(name):
    with pytest.raises(ValueError, match="one threshold for all cases"):
        evaluate_case(MAP, LESION, BRAIN, SPACING_MM, protocol(name))
    assert evaluate_case(MAP, LESION, BRAIN, SPACING_MM, protocol(name), 0.5).metrics["tpr"] == 1


def test_definitions_are_complete():
    assert len({definition.name for definition in METRICS}) == len(METRICS)
    assert [d.name for d in METRICS if d.headline] == ["hd99_vox", "msd_vox", "tpr", "ppv"]
    directions = {definition.name: definition.direction for definition in METRICS}
    assert directions["dice"] == "higher" and directions["hd99_vox"] == "lower"
    assert {preset.missing_prediction for preset in PROTOCOLS} == {"worst-case", "drop-case"}
