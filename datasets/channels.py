"""The contrasts that are read, and how a user chooses among them."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from bench.errors import BenchError, shortened

CHANNELS = ("T1w", "T2w", "FLAIR", "PDw")  # where a subject has several, masks lie on the first of them
TAKES = f"take some of {', '.join(CHANNELS)}, each once, parted by commas"


def chosen_channels(given: str) -> tuple[str, ...]:
    """Such as ("T1w", "FLAIR") of "t1w,flair", in the order that was given. BenchError for anything else."""
    channels = _named(given)
    if not _known(channels):
        raise BenchError(f"--channels {shortened(given)} is wrong: {TAKES}.")
    return channels


def _named(given: object) -> tuple[str, ...]:
    """Names as they are written here, whether in capitals or not; unknown ones as they are."""
    names = given.split(",") if isinstance(given, str) else given
    written = {channel.lower(): channel for channel in CHANNELS}
    return tuple(written.get(str(name).strip().lower(), str(name)) for name in names)  # type: ignore[attr-defined]


def _known(channels: tuple[str, ...]) -> bool:
    return bool(channels) and set(channels) <= set(CHANNELS) and len(set(channels)) == len(channels)


def _before(given: object) -> object:
    return _named(given) if isinstance(given, str | list | tuple) else given


def _checked(channels: tuple[str, ...]) -> tuple[str, ...]:
    if not _known(channels):
        raise PydanticCustomError("channels", TAKES)  # type: ignore[arg-type]
    return channels


# As settings hold them; "T1w,FLAIR" and ["T1w", "FLAIR"] are taken.
Channels = Annotated[tuple[str, ...], BeforeValidator(_before), AfterValidator(_checked)]
