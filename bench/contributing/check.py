"""What a contract finds: its points, and the problem of those that are not kept."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import reason


@dataclass(frozen=True)
class Check:
    """One point of a contract; `problem` is None when it is kept."""

    point: str
    problem: str | None = None


def gathered(points: Iterable[tuple[str, str | None]], first: str, about: str = "") -> list[Check]:
    """The points with their problems; an error ends them, and what it says is the problem of what came next.

    first: what is done before the first point is reached. about: what each point begins with.
    """
    checks: list[Check] = []
    try:
        for point, problem in points:
            checks.append(Check(about + point, problem))
    except Exception as error:
        reached = f"what comes after '{checks[-1].point.removeprefix(about)}'" if checks else first
        checks.append(Check(about + reached, reason(error)))
    return checks
