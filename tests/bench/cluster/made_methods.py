"""Methods, and a model, that workers import: they fail, or end their worker, at cases of certain names."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from bench.detector import Case, Detector, FitContext, FloatArray, MethodConfig, MethodInfo
from bench.models.model import Model
from bench.reporting import Reporter
from methods.zscore import ZScore, ZScoreConfig


class FragileConfig(ZScoreConfig):
    """Where it notes who scored what."""

    notes: str = ""


class Fragile(ZScore):
    """The z-score; test-1 kills the first worker that scores it, test-2 is an error."""

    info = MethodInfo(name="fragile", title="Fragile", reference="none")
    Config = FragileConfig
    config: FragileConfig

    def score(self, case: Case) -> FloatArray:
        notes = Path(self.config.notes)
        if case.id == "test-1" and not (notes / "killed").exists():
            (notes / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if case.id == "test-2":
            raise ValueError("no such case")
        with (notes / case.id).open("a") as file:
            file.write(f"{os.getpid()}\n")
        return super().score(case)


class NeedsFlair(Detector[MethodConfig]):
    """It cannot run on the tiny dataset."""

    info = MethodInfo(name="needs-flair", title="Needs FLAIR", reference="none")

    def skip(self, context: FitContext) -> str | None:
        return "it needs FLAIR images"

    def fit(self, context: FitContext) -> None:
        raise AssertionError

    def score(self, case: Case) -> FloatArray:
        raise AssertionError


@dataclass(frozen=True)
class FragileModel(Model):
    """A model whose workers die: of sub-2 the first one, of sub-3 all. notes: a folder for a file of each scan."""

    notes: Path = Path()

    def detector(self, device: str, reporter: Reporter) -> Detector:
        """The model's own, which notes what it scores, and may die of it."""
        found = super().detector(device, reporter)
        score = found.score

        def noted(case: Case) -> FloatArray:
            with (self.notes / case.id).open("a") as file:
                file.write("once ")
            tries = len((self.notes / case.id).read_text().split())
            if case.id == "sub-3" or (case.id == "sub-2" and tries == 1):
                os.kill(os.getpid(), signal.SIGKILL)
            return score(case)

        found.score = noted  # type: ignore[method-assign]
        return found
