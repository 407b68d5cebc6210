"""The base classes of the interface: settings are typed by the brackets, older signatures are told to change."""

from typing import Generic, TypeVar

import numpy as np
import pytest

from bench.component import Component, ComponentConfig
from bench.detector import Detector, FitContext, MethodConfig
from bench.errors import BenchError
from bench.interface import type_arguments


class Config(MethodConfig):
    power: float = 2.0


class Method(Detector[Config]):
    def fit(self, context: FitContext) -> None:
        pass

    def score(self, case):
        return np.zeros(case.brain_mask.shape, np.float32)


def test_settings_are_those_in_the_brackets():
    assert Method.Config is Config
    assert Method().config.power == 2.0
    assert Method.contract_config() == Config()
    assert Method(Config(power=1)).config.power == 1


def test_without_brackets_they_are_the_parents():
    assert type("Child", (Method,), {}).Config is Config  # type: ignore[attr-defined]
    assert type("Plain", (Detector,), {}).Config is MethodConfig  # type: ignore[attr-defined]
    assert type("Named", (Detector,), {"Config": Config}).Config is Config  # type: ignore[attr-defined]


def test_a_method_skips_nothing_unless_it_says_so():
    assert Method().skip(None) is None


def test_brackets_are_read_through_a_class_in_between():
    ConfigT = TypeVar("ConfigT", bound=ComponentConfig)

    class Between(Component[ConfigT, Component], Generic[ConfigT]):
        pass

    class Last(Between[ComponentConfig]):
        pass

    assert type_arguments(Last, Component) == (ComponentConfig, Component)
    assert type_arguments(Detector, Component) == ()


def test_older_signatures_are_refused_where_the_class_is_made():
    with pytest.raises(BenchError, match=r"Old is written for an older bench: .*`fit\(self, context\)`"):
        type("Old", (Detector,), {"fit": lambda self, train, validation, context: None})
    with pytest.raises(BenchError, match="older bench"):
        type("Old", (Component,), {"train": classmethod(lambda cls, config, train, validation, context, upstream: 0)})
