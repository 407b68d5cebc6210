"""What settings of methods and trained parts have in common."""

from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from bench.settings import GrowingSettings, explain


class Inner(GrowingSettings):
    added_later: ClassVar[frozenset[str]] = frozenset({"later", "sizes"})

    first: int = 1
    later: str = "as before"
    sizes: tuple[int, ...] = Field((3,), description="edges")


class Outer(GrowingSettings):
    inner: Inner = Inner()


def test_a_field_that_came_later_is_written_only_when_it_says_something_new() -> None:
    assert Outer().model_dump(mode="json") == {"inner": {"first": 1}}
    assert Outer(inner=Inner(later="new")).model_dump() == {"inner": {"first": 1, "later": "new"}}
    assert Inner(sizes=(3, 5)).model_dump(exclude={"first"}) == {"sizes": (3, 5)}


def test_what_was_written_reads_back_the_same() -> None:
    for settings in (Inner(), Inner(first=2, sizes=(5,))):
        assert Inner.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"first": None}, "first = None is wrong, input should be a valid integer."),
        ({"sizes": 3}, "sizes = 3 is wrong, input should be a valid tuple (edges)."),
        ({"frist": 3}, "there is no setting 'frist', did you mean 'first'?"),
    ],
)
def test_what_is_wrong_is_a_sentence(content: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Inner.model_validate(content)
    assert explain(caught.value, Inner) == sentence
