"""What is wrong with a command's answer to a broken input."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_LINE = 700  # characters of a sentence
PROGRESS = re.compile(r"^[^:]*: [a-z ]+ \d+/\d+|^[\w -]+ \d+/\d+")
OTHERS_WORDS = re.compile(r"\b[A-Z][A-Za-z]*(Error|Exception|Warning)\b")


@dataclass(frozen=True)
class Answer:
    """What a command said and made: `made` tells its data apart (a fingerprint and cases, or subjects written)."""

    code: int
    said: str
    made: str
    changed: tuple[str, ...]
    hung: bool


@dataclass(frozen=True)
class Broken:
    """A broken input: what kind of damage to what, what an answer may call it by, and what is right, see `faults`."""

    command: str
    generator: str
    names: tuple[str, ...]
    right: str
    options: tuple[str, ...] = ()


def is_named(said: str, names: Sequence[str]) -> bool:
    """Whether any of the names stands in what was said, lines of progress apart."""
    lines = [line for line in said.splitlines() if not PROGRESS.match(line)]
    return any(name in line for name in names for line in lines)


def faults(answer: Answer, names: Sequence[str], right: str, intact: str, without: str) -> list[str]:
    """What is wrong with an answer.

    Args:
        answer: What the command did.
        names: What the broken thing may be called by.
        right: "refuse": it is named. "use": it is named or used, so that what was made is not what is made without
            the subject. "notice": it is named or changes what is made. "patient": it is named or changes how many
            cases are tested, or who gets lesions. "ignore": nothing changes.
        intact: What is made of the input as it was.
        without: What is made of it without the subject.
    """
    if answer.hung:
        return ["hang"]
    found = []
    if "Traceback" in answer.said or "unexpectedly" in answer.said or answer.code not in (0, 1, 2):
        found.append("crash")
    if answer.changed:
        found.append("changed")
    lines = [line for line in answer.said.splitlines() if OTHERS_WORDS.search(line) or len(line) > LONGEST_LINE]
    if lines and "crash" not in found:
        found.append("no sentence")
    named = is_named(answer.said, names)
    if right == "ignore":
        return found + (["stopped"] if answer.code or answer.made != intact else [])
    used = {
        "refuse": False,
        "use": answer.made != without,
        "notice": answer.made != intact,
        "patient": answer.made.rpartition("/")[2] != intact.rpartition("/")[2],
    }
    if not named and not (answer.made and used[right]):
        found.append("unseen")
    return found
