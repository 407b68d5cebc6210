"""Subjects that their table or their own name calls patients: without a lesion mask they are of no use here."""

import re
from collections.abc import Mapping, Sequence

from datasets.lesions.settings import LesionSettings
from datasets.scans.bids_layout import SubjectFiles

COLUMNS = ("group", "diagnosis", "dx", "status", "cohort", "condition", "disease", "pathology", "patient")
ONLY_DIAGNOSES = ("diagnosis", "dx", "disease", "pathology")  # what stands there is an illness unless it is health
HEALTH = re.compile(
    r"(healthy|normal|control|typical)|^(hc|nc|cn|hv|td|con|ctrl|ctl|none|no|n|0|false|nil|-|negative|unaffected)\d*$",
    re.IGNORECASE,
)
ILLNESS = re.compile(
    r"^(patients?|cases?|diseased?|ill|affected|clinical|ms|rrms|ad|mci|pd|als|fcd|tbi|scz|stroke|epilepsy|dementia"
    r"|tumou?r|glioma|lesions?)\d*$",
    re.IGNORECASE,
)
YES = re.compile(r"^(yes|y|1|true)$", re.IGNORECASE)
NAME = re.compile(r"^sub-patients?(?![a-z])", re.IGNORECASE)


def why_patient(files: SubjectFiles, said: Mapping[str, str]) -> str | None:
    """What calls a subject a patient, such as "diagnosis: MS"; None when nothing does.

    said: what the folder's table says of the subject, column -> value.
    """
    if NAME.match(files.id):
        return "the name"
    for column, value in said.items():
        key = column.lower()
        if key not in COLUMNS or HEALTH.search(value):
            continue
        if key in ONLY_DIAGNOSES or ILLNESS.match(value) or (key == "patient" and YES.match(value)):
            return f"{column}: {value}"
    return None


def unlabelled_patient(files: SubjectFiles, why: str) -> str:
    """Why such a subject is set aside, and what can be done with it."""
    return (
        f"{files.id} is a patient ({why}) without a lesion mask: it cannot be learned from as healthy, and lesions "
        "simulated in it would count its own as errors; give it a mask, or look at it with `bench predict`."
    )


def simulation_notes(simulated: Sequence[str], settings: LesionSettings) -> list[str]:
    """What is said of healthy test subjects that get lesions."""
    if not simulated or settings.lesion_set.healthy:
        return []
    many = len(simulated) > 1
    subjects, count, get = ("subjects", "count", "get") if many else ("subject", "counts", "gets")
    return [
        f"{len(simulated)} test {subjects} without a lesion mask {count} as healthy and {get} simulated lesions, in "
        "memory alone, as a map can only be measured where "
        "the truth is known; `--lesion-set none` leaves healthy ones as they are, `bench predict` shows scans without "
        "any truth."
    ]
