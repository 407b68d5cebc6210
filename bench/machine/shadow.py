"""Whether another package took the place of one of ours: `datasets` and `metrics` are common names."""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from bench.errors import BenchError

PACKAGES = ("datasets", "metrics", "methods", "leaderboard")


def check_packages() -> None:
    """Raise BenchError when one of our packages would be imported from elsewhere, or was overwritten."""
    home = Path(__file__).parents[2]
    for name in PACKAGES:
        spec = find_spec(name)
        place = Path(spec.origin).parent if spec and spec.origin else None
        if place != home / name:
            found = f"{place} hides it" if place else "it is missing"
            raise BenchError(
                f"bench needs its own package '{name}', but {found}: install bench in an environment of its own."
            )
    for name in ("datasets", "metrics"):
        try:
            version = distribution(name).version
        except PackageNotFoundError:
            continue
        raise BenchError(
            f"The package '{name}' {version} shares its name with a part of bench and may overwrite it: "
            f"install bench in an environment of its own, or `pip uninstall {name}` and reinstall bench."
        )
