"""Finding what others add to the bench, and answering a name that nobody has.

Each kind (method, dataset, metric, leaderboard format, lesion generator) is found in the same two places: the modules
of one of our packages, and the entry points that other packages declare under one group.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from bench.errors import BenchError, reason, shortened

T = TypeVar("T")
M = TypeVar("M")


@dataclass(frozen=True)
class Broken:
    """A module or plug-in that could not be imported, and why in one line."""

    source: str
    reason: str


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of thing that a single file can add.

    name: for sentences, such as "method". package: whose modules are looked at, such as "methods".
    group: of entry points, such as "bench.methods"; a point names a module, or an object of one.
    members: what a module or an object offers, as (name, thing); an error, such as BenchError, when it is of no use.
    """

    name: str
    package: str
    group: str
    members: Callable[[object], Iterable[tuple[str, T]]]

    def all(self) -> dict[str, T]:
        """All there are by name, in alphabetical order; what fails to import is left out.

        BenchError when two share a name.
        """
        return self.discover()[0]

    def get(self, name: str) -> T:
        """The one of that name; BenchError with the nearest name when there is none."""
        found, broken = self.discover()
        if name in found:
            return found[name]
        also = f" ({len(broken)} failed to import)" if broken else ""
        raise BenchError(f"There is no {self.name} {shortened(repr(name))}{also}{nearest(name, found)}")

    def discover(self) -> tuple[dict[str, T], list[Broken]]:
        """All there are by name, and what failed to import: it breaks nothing else. BenchError for a name twice."""
        return self.gathered((*self.modules(), *self.plugins()), self.members_of)

    def members_of(self, source: str) -> Iterable[tuple[str, T]]:
        """What "package.module" or "package.module:object" offers, once imported."""
        return self.members(_loaded(source))

    def gathered(
        self, sources: Iterable[tuple[str, str]], members: Callable[[str], Iterable[tuple[str, M]]]
    ) -> tuple[dict[str, M], list[Broken]]:
        """By name, what sources (see `modules`) offer, and those that fail. BenchError for a name twice.

        members: what a source offers, as (name, thing).
        """
        found: dict[str, tuple[M, str]] = {}
        broken = []
        for source, value in sources:
            try:
                offered = list(members(value))
            except Exception as error:
                broken.append(Broken(source, reason(error)))
                continue
            for name, member in offered:
                other, place = found.setdefault(name, (member, source))
                if other != member:
                    raise BenchError(
                        f"Two {self.name}s are named {name!r}, in {place} and {source}: rename or uninstall one."
                    )
        return {name: found[name][0] for name in sorted(found)}, broken

    def modules(self) -> Iterator[tuple[str, str]]:
        """The modules of our package: (name for people, what to import, "package.module")."""
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__, f"{self.package}."):
            if not module.ispkg:
                yield module.name, module.name

    def plugins(self) -> Iterator[tuple[str, str]]:
        """The entry points of other packages, likewise, "package.module" or "package.module:object"."""
        for point in entry_points(group=self.group):
            yield f"{point.name} ({point.value})", point.value


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: ", did you mean 'zscore'?" or ", there are ae, zscore"."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else f", there are {', '.join(known) or 'none'}."


def _loaded(value: str) -> object:
    module, _, attribute = value.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found
