"""Which runs meet in one table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BenchError
from leaderboard.selection import BoardChoice, case_values, choose_board, entries

LATER = "2026-02-01T00:00:00+00:00"


def test_without_a_choice_the_board_of_the_newest_run_is_taken(make_run) -> None:
    old = make_run("zscore", tpr=[1.0])
    new = make_run("zscore", tpr=[1.0], protocol="authors-code@2", protocol_hash="bbbb", created=LATER)
    board, others = choose_board([new, old])
    assert board.protocol == "authors-code@2"
    assert [other.protocol for other in others] == ["paper@1"]


@pytest.mark.parametrize("protocol", ["paper", "paper@1", "aaaa"])
def test_a_protocol_is_named_with_or_without_version_or_by_hash(make_run, protocol: str) -> None:
    old = make_run("zscore", tpr=[1.0])
    new = make_run("zscore", tpr=[1.0], protocol="authors-code@2", protocol_hash="bbbb", created=LATER)
    assert choose_board([old, new], BoardChoice(protocol=protocol))[0].protocol == "paper@1"


def test_a_fingerprint_may_be_shortened(make_run) -> None:
    old = make_run("zscore", tpr=[1.0])
    new = make_run("zscore", tpr=[1.0], dataset_fingerprint="ffff", created=LATER)
    assert choose_board([old, new], BoardChoice(fingerprint="0123"))[0].dataset_fingerprint == "0123456789abcdef"


def test_a_board_that_is_not_there_names_those_that_are(make_run) -> None:
    with pytest.raises(BenchError, match="phantom 01234567 under paper@1"):
        choose_board([make_run("zscore", tpr=[1.0])], BoardChoice(protocol="healthy"))


def test_no_runs_is_one_sentence() -> None:
    with pytest.raises(BenchError, match="bench run"):
        choose_board([])


def test_the_newest_of_one_method_config_and_seed_counts(make_run) -> None:
    old = make_run("zscore", tpr=[0.1])
    new = make_run("zscore", tpr=[0.9], created=LATER)
    (entry,) = entries([new, old])
    assert entry.runs == (new,)
    assert entry.differences == {}


def test_seeds_of_one_config_stand_together(make_run) -> None:
    (entry,) = entries([make_run("zscore", tpr=[0.1], seed=1), make_run("zscore", tpr=[0.3], seed=0)])
    assert [run.seed for run in entry.runs] == [0, 1]


def test_configs_stand_apart_and_say_what_differs(make_run) -> None:
    runs = [
        make_run("zscore", {"smoothing_mm": 2.0, "blocks": 4}, tpr=[0.1]),
        make_run("zscore", {"smoothing_mm": 4.0, "blocks": 4}, tpr=[0.2]),
        make_run("random", {"smoothing_mm": 9.0}, tpr=[0.2]),
    ]
    found = {(entry.method, *entry.differences.items()) for entry in entries(runs)}
    assert found == {
        ("zscore", ("smoothing_mm", "2.0")),
        ("zscore", ("smoothing_mm", "4.0")),
        ("random",),
    }


def test_a_setting_that_only_one_run_has_is_a_difference(make_run) -> None:
    found = [entry.differences for entry in entries([make_run("z", {"a": True}, tpr=[1]), make_run("z", tpr=[1])])]
    assert {"a": "true"} in found
    assert {"a": "default"} in found


def test_case_values_average_seeds_and_keep_common_cases_only(make_run) -> None:
    runs = [make_run("zscore", tpr=[0.2, 0.4, 0.6], seed=0), make_run("zscore", tpr=[0.4, None], seed=1)]
    assert case_values(runs, "tpr") == {"sub-0": pytest.approx(0.3), "sub-1": None}


@given(
    configs=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
        min_size=1,
        max_size=6,
        unique_by=lambda config: repr(sorted(config.items())),
    )
)
def test_no_two_configs_of_a_method_have_the_same_name(make_run, configs: list[dict[str, int]]) -> None:
    found = entries([make_run("zscore", tpr=[1.0], config=config) for config in configs])
    assert len({entry.label for entry in found}) == len(found)


def test_a_row_says_what_few_others_share(make_run) -> None:
    configs = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 1, "c": 3}]
    runs = [make_run("zscore", tpr=[1.0], config=config) for config in configs]
    assert {entry.label for entry in entries(runs)} == {"zscore", "zscore:a=2", "zscore:c=3"}
