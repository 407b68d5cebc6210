"""Results of cases together: means with standard errors, and a table of them."""

import csv
import io

import numpy as np

from bench.results import CaseResult, MetricSummary, RunResult
from leaderboard.sharing import csv_cell
from leaderboard.statistics import mean_and_standard_error


def summaries(cases: list[CaseResult]) -> dict[str, MetricSummary]:
    """Mean and standard error of every metric over the cases where it is defined."""
    names = list(dict.fromkeys(name for case in cases for name in case.metrics))
    found = {}
    for name in names:
        values = [value for case in cases if (value := case.metrics.get(name)) is not None]
        mean, se = mean_and_standard_error(np.array(values, dtype=float))
        found[name] = MetricSummary(mean=mean, se=se, n=len(values))
    return found


def cases_csv(run: RunResult) -> str:
    """One line per case: id, threshold, seconds, metrics; empty where a metric is undefined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "threshold", "runtime_s", *run.metrics])
    for case in run.cases:
        writer.writerow(
            [csv_cell(case.id), case.threshold, case.runtime_s, *(case.metrics.get(name) for name in run.metrics)]
        )
    return text.getvalue()
