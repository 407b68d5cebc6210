"""What a report shows, gathered: all pages draw from these values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaderboard.boards import lesion_set
from leaderboard.colours import Style, row_styles
from leaderboard.figures.lesion_volume import VolumeBin
from leaderboard.row import Row
from leaderboard.table import Table
from metrics.froc import Detections

Facts = dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One method with one config on one dataset, under every protocol that it was evaluated under.

    id: the same under all protocols. label: its longest name among them. rows: protocol, as "paper@1" -> its row there.
    """

    id: str
    label: str
    rows: Mapping[str, Row]

    @property
    def any_row(self) -> Row:
        """Its row under one of the protocols, for what does not depend on the protocol."""
        return max(self.rows.values(), key=lambda row: len(row.label))


@dataclass(frozen=True)
class LesionsFound:
    """The lesions of one case: volumes in ml, the largest first; entry label -> which of them it found."""

    volumes: Sequence[float]
    found: Mapping[str, Sequence[bool]]


@dataclass(frozen=True)
class ProtocolView:
    """A board, and what is drawn of it beside its table.

    places: (draws, ranked rows), see `leaderboard.ranking.place_draws`; None with fewer than two ranked rows.
    froc, bins: by row label; empty where maps or lesions are not known. froc_note: why there is no FROC.
    lesions: by case id.
    """

    table: Table
    places: Any = None
    froc: Mapping[str, Detections] = field(default_factory=dict)
    froc_note: str = ""
    bins: Mapping[str, list[VolumeBin]] = field(default_factory=dict)
    lesions: Mapping[str, LesionsFound] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseView:
    """One test case.

    volumes: what `leaderboard.report.volumes` gives, for the viewer; None where maps or images are not there.
    """

    id: str
    volumes: Mapping[str, Any] | None


@dataclass(frozen=True)
class DatasetView:
    """All boards of one dataset fingerprint, protocols that saw the ground truth first."""

    name: str
    fingerprint: str
    protocols: Sequence[ProtocolView]
    entries: Sequence[Entry]
    cases: Sequence[CaseView] = ()
    cases_note: str = ""

    @property
    def slug(self) -> str:
        """For names of files."""
        return slug(f"{self.name}-{self.fingerprint[:8]}")

    @property
    def description(self) -> dict[str, str]:
        """What the dataset says of itself."""
        return self.protocols[0].table.dataset_description

    @property
    def lesion_set(self) -> str:
        """Such as "set paper"; empty where lesions were not put in by a set."""
        found = lesion_set(self.description)
        return f"set {found}" if found else ""

    @property
    def title(self) -> str:
        """Name and lesion set, or the fingerprint where there is none."""
        return f"{self.name}, {self.lesion_set or self.fingerprint[:8]}"

    @property
    def styles(self) -> dict[str, Style]:
        """Entry label -> style."""
        return row_styles([entry.any_row for entry in self.entries])

    @property
    def cases_count(self) -> int:
        """Test cases of the dataset."""
        return max((row.of for view in self.protocols for row in view.table.rows), default=0)


@dataclass(frozen=True)
class Setting:
    """One setting of a method: its value in a run, the paper's, what it is."""

    name: str
    value: str
    default: str
    description: str


@dataclass(frozen=True)
class MethodEntry:
    """One config of a method: on which dataset, its settings, trained parts, costs and the code that made it."""

    dataset: DatasetView
    entry: Entry
    settings: Sequence[Setting]
    parts: Sequence[tuple[str, Facts]]
    code: Facts


@dataclass(frozen=True)
class MethodView:
    """One method over all boards. summary: what it does, in its author's words; empty where its code is not here."""

    name: str
    title: str
    baseline: bool
    external: bool
    reference: str
    summary: str
    entries: Sequence[MethodEntry]


@dataclass(frozen=True)
class Report:
    """All of it. made: when, and by which version."""

    datasets: Sequence[DatasetView]
    methods: Sequence[MethodView]
    made: str
    notes: Sequence[str] = ()


def slug(text: str) -> str:
    """A text as part of a file's name and of an HTML id."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()
