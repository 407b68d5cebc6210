"""The command's work: every scan that is not done is answered; a bad one is set aside and stops no other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ParamSpec

from bench.errors import reason, stops_all
from bench.files import save_nifti
from bench.models.model import Model
from bench.predicting.answer import Question, answered, stamp_of
from bench.predicting.output import Predictions
from bench.predicting.page import write_page
from bench.predicting.picture import save_picture
from bench.predicting.sidecar import read_sidecar
from bench.reporting import Reporter
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


def predict(
    scans: Sequence[Path], target: Path, model: Model, fpr: float, align: Mode, device: str, reporter: Reporter
) -> Predicted:
    """Predict for all scans.

    Args:
        scans: Files and folders.
        target: Where predictions go; a folder that holds some with the same settings is gone on with.
        model: Which model.
        fpr: Which of its thresholds: share of healthy voxels above it.
        align: Whether scans are aligned to the training brains.
        device: "cpu" or "cuda".
        reporter: Where progress goes.

    Raises:
        BenchError: When nothing can be done at all; a scan that cannot be used is set aside.
    """
    manifest = model.manifest
    manifest.threshold(fpr)
    given = given_scans(scans, manifest.channels, without=target)
    folder = Predictions(target)
    folder.begin(
        {"Model": manifest.name, "Checksum": manifest.checksum, "FalsePositiveRate": fpr, "Align": align}, scans
    )
    for note in given.notes:
        reporter.say(note)
    set_aside = {}
    for one in given.set_aside:
        set_aside[one.id] = one.reason
        reporter.say(f"{one.id} is set aside: {one.reason}")

    @cache  # loaded when first needed, which is not at all when every scan is done
    def question() -> Question:
        return Question(model, model.detector(device, reporter), fpr, align, device)

    done, new = [], 0
    with reporter.task("predicting", len(given.subjects)) as tick:
        for files in given.subjects:
            found = _tried(is_done, folder, files, model)
            if found is False:
                asked = question()  # what is wrong with the model is wrong with every scan
                found = _tried(write_answer, folder, files, asked)
                new += found is True
            if isinstance(found, str):
                set_aside[files.id] = found
                reporter.say(f"{files.id} is set aside: {found}")
            else:
                done.append(files.id)
            tick(note=files.id)
    folder.note_set_aside(set_aside)
    write_page(folder, manifest, fpr, set_aside)
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
