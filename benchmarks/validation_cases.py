"""Validation cases with simulated lesions and what maps of them score, for benchmarks that choose settings."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.runs.case_pool import case_pool
from datasets.case import Case, FloatArray
from datasets.dataset import Dataset
from datasets.load import load_dataset
from datasets.settings import SIZE_OF_PRESET
from datasets.sources import dataset_settings
from metrics.evaluate import evaluate_case
from metrics.protocol import protocol

METRICS = ("hd99_vox", "msd_vox", "tpr", "ppv", "average_precision")
LESION_SETS = ("paper", "plain", "soft")


def add_data_options(parser: argparse.ArgumentParser, cases: int) -> None:
    """The options that `chosen_dataset` reads, and --cases."""
    parser.add_argument("--dataset", default="phantom")
    parser.add_argument("--root", type=Path, help="folder of scans, for --dataset bids")
    parser.add_argument("--atlas", type=Path, help="folder of lesion masks SIZECLASS/N.nii.gz; without it, made shapes")
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--cases", type=int, default=cases, help="validation cases")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--workspace", type=Path, default=Path(".bench"))


def chosen_dataset(chosen: argparse.Namespace, lesion_set: str) -> Dataset:
    """The dataset of these options with a set of lesions."""
    data = {"cohort_size": SIZE_OF_PRESET[chosen.preset]} if chosen.root is None else {"root": chosen.root}
    settings = dataset_settings(chosen.dataset, data | {"lesions": {"set": lesion_set, "atlas": chosen.atlas}})
    return load_dataset(settings, chosen.workspace / "datasets")


def metrics_of(maps: Sequence[FloatArray], cases: Sequence[Case]) -> list[list[float]]:
    """Each case's metrics under the protocol `paper`; what is not defined for a case counts as NaN."""

    def row(index: int) -> list[float]:
        case = cases[index]
        assert case.lesion_mask is not None
        values = np.where(case.brain_mask, maps[index], maps[index].min())
        found = evaluate_case(values, case.lesion_mask, case.brain_mask, case.spacing_mm, protocol("paper"))
        return [np.nan if (value := found.metrics[name]) is None else value for name in METRICS]

    with case_pool() as pool:
        return list(pool.map(row, range(len(maps))))
