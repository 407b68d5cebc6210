"""Methods that fail, stop or cannot run when they are told to, and runs of them."""

import numpy as np

from bench.detector import Detector, MethodConfig, MethodInfo
from bench.reporting import SilentReporter
from bench.results import load_run
from bench.runs.bench import Bench
from bench.runs.choice import Choice
from bench.runs.run import run
from bench.runs.workspace import Workspace
from datasets import phantom
from metrics.protocol import protocol

PAPER = protocol("paper")


class Reporter(SilentReporter):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


class Brightness(Detector):
    """The image itself; `broken` names a case that fails, `stop` one at which Ctrl-C is pressed."""

    info = MethodInfo(name="brightness", title="Brightness", reference="none")
    Config = MethodConfig
    broken: str | None = None
    stop: str | None = None
    scored: list[str] = []  # noqa: RUF012

    def fit(self, context):
        assert all(case.lesion_mask is None for case in (*context.train, *context.validation))

    def score(self, case):
        assert case.lesion_mask is None
        if case.id == Brightness.stop:
            raise KeyboardInterrupt
        if case.id == Brightness.broken:
            return np.full(case.brain_mask.shape, np.nan, np.float32)
        Brightness.scored.append(case.id)
        return case.image.sum(axis=0)


class NeverFits(Brightness):
    info = MethodInfo(name="never-fits", title="Never fits", reference="none")

    def fit(self, context):
        raise RuntimeError("out of memory")


class NeedsFlair(Brightness):
    info = MethodInfo(name="needs-flair", title="Needs FLAIR", reference="none")

    def skip(self, context):
        return None if "FLAIR" in context.channels else f"it needs FLAIR images, there are {context.channels}"


def do_run(folder, *methods, chosen_protocol=PAPER, again=False, messages=None, **choice):
    place = Bench(Workspace(folder), messages or Reporter())
    return run(place, Choice(methods, device="cpu", **choice), phantom.Settings(), chosen_protocol, again)


def tables(folder):
    """What stands in the tables, but for how long things took."""
    runs = [load_run(path) for path in Workspace(folder).run_files()]
    return [(run.method, run.metrics, [(c.id, c.threshold, c.metrics, c.lesions) for c in run.cases]) for run in runs]
