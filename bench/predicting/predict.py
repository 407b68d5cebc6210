"""The command's work: every scan that is not done is answered; a bad one is set aside and stops no other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ParamSpec, TypeAlias

from bench.errors import reason, stops_all
from bench.files import save_nifti
from bench.models.model import Model
from bench.predicting.answer import Question, answered, stamp_of
from bench.predicting.output import Predictions
from bench.predicting.page import write_page
from bench.predicting.picture import save_picture
from bench.predicting.sidecar import read_sidecar
from bench.reporting import Reporter, SilentReporter
from datasets.scans.alignment import Mode
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.given import given_scans

Given = ParamSpec("Given")


@dataclass(frozen=True)
class Predicted:
    """What a command did. done: ids with a prediction, those of earlier commands included; set_aside: id -> why."""

    done: tuple[str, ...]
    set_aside: dict[str, str]
    new: int


@dataclass(frozen=True)
class Job:
    """All that is needed to answer a scan, here or in another process.

    fpr: which of the model's thresholds. align: see `bench predict`. device: "cpu" or "cuda".
    """

    folder: Predictions
    model: Model
    fpr: float
    align: Mode
    device: str


class Answerer:
    """Answers one scan after another in this process; gives whether it was new, or why it is set aside."""

    def __init__(self, job: Job, reporter: Reporter | None = None) -> None:
        self.job = job
        self.reporter = reporter or SilentReporter()

    @cached_property
    def question(self) -> Question:
        """Loaded when first needed, which is not at all when every scan is done."""
        job = self.job
        return Question(job.model, job.model.detector(job.device, self.reporter), job.fpr, job.align, job.device)

    def __call__(self, files: SubjectFiles) -> bool | str:
        """Answer a scan that is not done. What stops all scans is raised, and so is what is wrong with the model."""
        found = _tried(is_done, self.job.folder, files, self.job.model)
        if found is False:
            question = self.question
            return _tried(write_answer, self.job.folder, files, question)
        return False if found is True else found


Answers: TypeAlias = Callable[[Job, Sequence[SubjectFiles]], Iterable[tuple[SubjectFiles, bool | str]]]


def predict(scans: Sequence[Path], asked: Job, reporter: Reporter, answers: Answers | None = None) -> Predicted:
    """Predict for all scans.

    Args:
        scans: Files and folders.
        asked: What of them; a folder that holds predictions with the same settings is gone on with.
        reporter: Where progress goes.
        answers: Answers all scans elsewhere; one after another in this process if None.

    Raises:
        BenchError: When nothing can be done at all; a scan that cannot be used is set aside.
    """
    folder, manifest = asked.folder, asked.model.manifest
    manifest.threshold(asked.fpr)
    given = given_scans(scans, manifest.channels, without=folder.path)
    settings = {"FalsePositiveRate": asked.fpr, "Align": asked.align}
    folder.begin({"Model": manifest.name, "Checksum": manifest.checksum, **settings}, scans)
    for note in given.notes:
        reporter.say(note)
    set_aside = {}
    for one in given.set_aside:
        set_aside[one.id] = one.reason
        reporter.say(f"{one.id} is set aside: {one.reason}")
    if answers is None:
        answerer = Answerer(asked, reporter)
        answered_scans: Iterable[tuple[SubjectFiles, bool | str]] = ((one, answerer(one)) for one in given.subjects)
    else:
        answered_scans = answers(asked, given.subjects)
    done, new = [], 0
    with reporter.task("predicting", len(given.subjects)) as tick:
        for files, found in answered_scans:
            if isinstance(found, str):
                set_aside[files.id] = found
                reporter.say(f"{files.id} is set aside: {found}")
            else:
                done.append(files.id)
                new += found
            tick(note=files.id)
    folder.note_set_aside(set_aside)
    write_page(folder, manifest, asked.fpr, set_aside)
    return Predicted(tuple(done), set_aside, new)


def is_done(folder: Predictions, files: SubjectFiles, model: Model) -> bool:
    """Whether a scan has a prediction of its files as they are. BenchError when they cannot be opened."""
    known = read_sidecar(folder.sidecar_path(files.id))
    return known is not None and known.stamp == stamp_of(files, model.manifest.channels)


def _tried(work: Callable[Given, bool], *args: Given.args, **kwargs: Given.kwargs) -> bool | str:
    """What the work gives, or why it could not be done for this scan. What stops all scans is raised."""
    try:
        return work(*args, **kwargs)
    except Exception as error:
        if stops_all(error):
            raise
        return reason(error)


def write_answer(folder: Predictions, files: SubjectFiles, question: Question) -> bool:
    """Write all that there is of one scan, the sidecar last; gives True."""
    answer = answered(files, question)
    folder.sidecar_path(files.id).unlink(missing_ok=True)  # of other files that were called so
    save_nifti(folder.map_path(files.id), answer.anomaly_map, answer.scan.affine, answer.scan.space)
    save_nifti(folder.mask_path(files.id), answer.mask, answer.scan.affine, answer.scan.space)
    save_picture(answer, question.model.manifest, folder.picture_path(files.id))
    answer.sidecar.save(folder.sidecar_path(files.id))
    return True
