from dataclasses import FrozenInstanceError, fields, replace

import pytest

from metrics.protocol import PROTOCOLS, EarlyStop, Protocol, protocol


def test_presets_have_their_own_names_and_hashes():
    assert len({preset.name for preset in PROTOCOLS}) == len(PROTOCOLS) == len({p.hash for p in PROTOCOLS})
    assert all(protocol(preset.name) is preset for preset in PROTOCOLS)


def test_hash_is_stable_and_covers_every_field():
    base = protocol("authors-code")
    assert base.hash == replace(base).hash
    others = Protocol(
        name="other",
        version=9,
        strategy="healthy-fpr",
        false_positive_rate=0.5,
        window_quantiles=(0.1, 0.2),
        window_over="brain",
        candidates=7,
        early_stop=EarlyStop(window=3),
        search_unit="mm",
        removal_connectivity=6,
        search_min_voxels=5,
        min_voxels=7,
        rim_radius=1,
        dilate=False,
        dilate_inside_brain=True,
        postprocess_truth=False,
        distance_direction="both",
        component_connectivity=6,
        true_positives="predicted",
        missing_prediction="worst-case",
    )
    for field in fields(Protocol):
        if field.name in ("strategy", "false_positive_rate"):  # only valid together
            continue
        assert replace(base, **{field.name: getattr(others, field.name)}).hash != base.hash, field.name


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        protocol("paper").candidates = 3  # type: ignore[misc]


def test_oracle_says_whether_the_threshold_saw_the_truth():
    assert {preset.name: (preset.oracle, preset.per_case) for preset in PROTOCOLS} == {
        "paper": (True, True),
        "authors-code": (True, True),
        "paper-fpr5": (False, False),
        "paper-fpr10": (False, False),
        "paper-dataset-oracle": (True, False),
    }


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match='"papr": did you mean "paper"'):
        protocol("papr")
    with pytest.raises(ValueError, match="did you mean"):
        protocol("")


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_quantiles": (0.9, 0.2)},
        {"window_quantiles": (-0.1, 0.2)},
        {"candidates": 0},
        {"strategy": "healthy-fpr"},
        {"false_positive_rate": 0.05},
        {"strategy": "healthy-fpr", "false_positive_rate": 1.5},
        {"early_stop": EarlyStop(window=0)},
    ],
    ids=str,
)
def test_impossible_protocols_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|belongs"):
        Protocol("mine", **wrong)
