"""What is silenced is named: the warnings of some libraries, and nobody else's."""

import sys
import warnings

import pytest

from bench.machine.quiet import silence_libraries


def shown(message: str, category: type[Warning], module: str) -> bool:
    """Whether a warning that a module raises reaches the user."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        silence_libraries()
        warnings.warn_explicit(message, category, "file.py", 1, module)
    return bool(caught)


def test_named_warnings_are_silent_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", [])
    assert not shown("SOCKS support in urllib3 requires", UserWarning, "urllib3.contrib.socks")
    assert not shown("use something else", FutureWarning, "monai.networks.nets")
    assert shown("CUDA initialization: the driver is too old", UserWarning, "torch.cuda")
    assert shown("use something else", FutureWarning, "torchio.transforms")
    assert shown("divide by zero", RuntimeWarning, "methods.parts.healthy")


def test_whoever_asks_for_warnings_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["default"])
    assert shown("use something else", FutureWarning, "monai.networks.nets")
