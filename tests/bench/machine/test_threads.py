"""Thread choice by timing."""

import pytest
import torch

from bench.machine import threads


@pytest.fixture(autouse=True)
def same_threads_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def slow_with(bad):
    return lambda: 9.0 if torch.get_num_threads() == bad else 1.0


def test_there_is_a_most_that_can_be_asked_for(monkeypatch):
    monkeypatch.setattr(threads, "available_cores", lambda: 2)
    assert threads.most_at_once() == 64
    monkeypatch.setattr(threads, "available_cores", lambda: 96)
    assert threads.most_at_once() == 384


@pytest.mark.parametrize(("bad", "chosen"), [(1, 2), (2, 1)])
def test_the_faster_count_is_used(monkeypatch, bad, chosen):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "available_cores", lambda: 2)
    monkeypatch.setattr(threads, "_convolution_s", slow_with(bad))
    assert threads.choose_threads() == chosen == torch.get_num_threads()


def test_the_environment_decides_when_it_does(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(threads, "_convolution_s", lambda: pytest.fail("timed nevertheless"))
    assert threads.choose_threads() == torch.get_num_threads()
