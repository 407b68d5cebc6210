"""A folder of raw heads as a folder of prepared scans: brains on the ICBM152 template, 2 mm, a BIDS derivative.

Beside each scan lie its transforms (`datasets.preparing.heads.Transforms`, and as ITK reads them), so that maps can
be taken back to the raw scan; beside all of them, a page of pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from bench.errors import BenchError
from bench.files import MNI152, save_nifti, write_text
from bench.reporting import Reporter
from datasets import output
from datasets.dataset import SetAside
from datasets.fingerprint import files_fingerprint
from datasets.preparing.heads import VERSION, HeadSettings, PreparedHead, Transforms, prepared_head
from datasets.preparing.itk import itk_transform_text
from datasets.preparing.montage import write_montage
from datasets.preparing.quality import Quality, quality_of
from datasets.preparing.quality_page import FIGURES, PAGE, write_page
from datasets.preparing.template import icbm152
from datasets.scans.bids_layout import SubjectFiles, find_subjects
from datasets.scans.names import anat_folder, subject_of
from datasets.scans.splits import participant_subject, participants_table
from datasets.tables import Table, read_table

COMMAND = "bench prepare"
IGNORED = f"{PAGE}\n{FIGURES}\n*_xfm.*\n"
RESOLUTION = "2 mm isotropic"
FIRST = "T1w"  # deepbet learned from such images, and the template is one
WAITING = "Not prepared yet, it belongs to another --part."


class HeadRecord(BaseModel):
    """What is kept of a prepared head; written last, so that a head with a record is finished.

    sources: role -> raw file, below the source folder. content: hash of these files.
    """

    id: str
    sources: dict[str, str]
    content: str
    brain_mask: str
    transforms: Transforms
    quality: Quality


@dataclass
class Outcome:
    """How many heads are prepared, how many of them by this command, and those that could not be."""

    prepared: int = 0
    new: int = 0
    set_aside: list[SetAside] = field(default_factory=list)


def prepare_folder(
    source: Path,
    target: Path,
    settings: HeadSettings,
    reporter: Reporter,
    part: tuple[int, int] = (1, 1),
    device: str = "cpu",
) -> Outcome:
    """Prepare every subject of a folder with BIDS names.

    What was prepared before stays; a bad scan is set aside with its sentence, and the others go on.

    Args:
        source: Raw scans, whole heads or brains.
        target: A new folder, or one that the same command wrote with the same settings.
        part: (K, N): only every N-th subject, beginning with the K-th, so that N commands share the work.
        device: What deepbet computes on, "cpu" or "cuda".

    Raises:
        BenchError: When no subject could be prepared; and, with nothing touched, when `target` holds anything else.
    """
    if target.resolve() == source.resolve():
        raise BenchError(f"OUT is the folder of the raw scans, {target}: name another one.")
    folder = find_subjects(source, without=target, channels=settings.channels)
    if any(next(iter(files.images)) != FIRST for files in folder.subjects):
        raise BenchError(
            f"Brains are found, and laid on the template, by their {FIRST} image: {source} has none, or --channels "
            "does not begin with it."
        )
    for note in folder.notes:
        reporter.say(note)
    participants = _participants(source)
    _begin(source, target, settings)
    outcome = Outcome(set_aside=list(folder.set_aside))
    for subject in folder.set_aside:
        reporter.say(f"{subject.id} is set aside: {subject.reason}")
    chosen = folder.subjects[part[0] - 1 :: part[1]]
    with reporter.task("preparing", len(chosen)) as tick:
        for files in chosen:
            try:
                outcome.new += _prepare_subject(files, source, target, settings, device)
                outcome.prepared += 1
            except BenchError as problem:
                outcome.set_aside.append(SetAside(files.id, str(problem)))
                reporter.say(f"{files.id} is set aside: {problem}")
            tick(note=files.id)
    others = [files.id for files in folder.subjects if files not in chosen]
    waiting = [SetAside(id, WAITING) for id in others if not record_path(target, id).exists()]
    _finish(target, [*outcome.set_aside, *waiting], participants)
    if not outcome.prepared:
        first = f"; the first problem: {outcome.set_aside[0].reason}" if outcome.set_aside else "."
        raise BenchError(f"No subject of {source} could be prepared{first}")
    return outcome


def record_path(target: Path, id: str) -> Path:
    """Where the record of a prepared head lies."""
    return target / anat_folder(id) / f"{id}_from-T1w_to-{icbm152().name}_mode-image_xfm.json"


def read_record(path: Path) -> HeadRecord:
    """The record of a prepared head. BenchError when it is damaged."""
    try:
        return HeadRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError):
        raise BenchError(f"{path} is damaged; remove it, and the same command prepares this head anew.") from None


def _begin(source: Path, target: Path, settings: HeadSettings) -> None:
    """Note in the target what is about to be written there. BenchError when something else is there."""
    made_by: dict[str, JsonValue] = {"version": VERSION, **settings.model_dump(mode="json")}
    known = output.noted(target, COMMAND)
    if known is not None and known.get("Settings") != made_by:
        raise BenchError(f"{target} holds heads prepared with other settings: name a new folder.")
    if known is None:
        output.note(target, COMMAND, f"{source.name}, prepared", {"Settings": made_by}, source, IGNORED)


def _prepare_subject(files: SubjectFiles, source: Path, target: Path, settings: HeadSettings, device: str) -> bool:
    """Prepare a subject and write all of it, unless that was done before. BenchError when it cannot be done."""
    paths = files.paths(tuple(files.images))
    content = files_fingerprint(paths)
    place = record_path(target, files.id)
    if place.exists():
        if read_record(place).content != content:
            raise BenchError(f"{files.id} has changed since it was prepared; remove {place.parent} or name a new OUT.")
        return False
    prepared = prepared_head(files, settings, device=device)
    sources = {role: path.relative_to(source).as_posix() for role, path in paths.items()}
    _write_images(prepared, target, sources)
    write_montage(target / FIGURES / f"{files.id}.png", prepared, icbm152())
    record = HeadRecord(
        id=files.id,
        sources=sources,
        content=content,
        brain_mask=prepared.head.extraction,
        transforms=prepared.transforms,
        quality=quality_of(prepared),
    )
    write_text(place, record.model_dump_json(indent=1) + "\n")
    return True


def _write_images(prepared: PreparedHead, target: Path, sources: dict[str, str]) -> None:
    """The images and masks of a head with their sidecars, and its transforms as ITK reads them."""
    scan, transforms = prepared.scan, prepared.transforms
    folder = target / anat_folder(scan.id)
    first, *others = scan.channels
    start = f"{scan.id}_space-{transforms.template}_res-2"
    uris: list[JsonValue] = [f"bids:{output.SOURCE}:{path}" for path in sources.values()]
    about: dict[str, JsonValue] = {"Sources": uris, "Resolution": RESOLUTION}
    for channel, image in zip(scan.channels, scan.images, strict=True):
        path = folder / f"{start}_desc-brain_{channel}.nii.gz"
        output.describe(path, {**about, "SkullStripped": True})
        save_nifti(path, image, scan.affine, MNI152)
    masks = {"desc-brain": ("Brain", scan.brain_mask), "label-lesion": ("Lesion", scan.lesion_mask)}
    for words, (kind, mask) in masks.items():
        if mask is not None:
            path = folder / f"{start}_{words}_mask.nii.gz"
            output.describe(path, {**about, "Type": kind})
            save_nifti(path, mask, scan.affine, MNI152)
    own = folder / f"{scan.id}_space-orig_desc-brain_mask.nii.gz"
    output.describe(own, {"Sources": uris, "Type": "Brain", "SpatialReference": uris[0]})
    save_nifti(own, prepared.head.brain_mask, prepared.head.affine, prepared.head.space)
    from_first = folder / f"{scan.id}_from-{first}_to-{transforms.template}_mode-image_xfm.txt"
    write_text(from_first, itk_transform_text(transforms.to_raw(first)))
    for channel in others:
        path = folder / f"{scan.id}_from-{channel}_to-{first}_mode-image_xfm.txt"
        write_text(path, itk_transform_text(transforms.first_to_raw(channel)))


def _finish(target: Path, set_aside: Sequence[SetAside], participants: Table | None) -> None:
    """Write the page of all heads that are there by now, and the rows of participants.tsv on them."""
    records = [read_record(path) for path in sorted(target.glob("sub-*/**/*_mode-image_xfm.json"))]
    write_page(target, [(one.id, one.brain_mask, one.quality) for one in records], set_aside)
    if participants is not None:
        there = {subject_of(one.id) for one in records}
        write_text(target / "participants.tsv", _participants_text(participants, there))


def _participants_text(table: Table, there: set[str]) -> str:
    """The lines on subjects that are there, by the names of their folders; one without a line gets an empty one, as
    BIDS asks for."""
    columns = ["participant_id", *(column for column in table.columns if column != "participant_id")]
    lines = [columns]
    for row in table.rows:
        if (subject := participant_subject(row.values["participant_id"])) in there:
            lines.append([subject, *(row.values[column] or "n/a" for column in columns[1:])])
    lines += [[subject, *["n/a"] * (len(columns) - 1)] for subject in sorted(there - {line[0] for line in lines})]
    return "".join("\t".join(line) + "\n" for line in lines)


def _participants(source: Path) -> Table | None:
    """The source's table of participants, if it has one. BenchError when it cannot be read."""
    path = participants_table(source)
    table = None if path is None else read_table(path)
    return table if table is not None and "participant_id" in table.columns else None
