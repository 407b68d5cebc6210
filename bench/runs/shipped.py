"""Where the trained parts and models lie that come with the package, and how a part's files are called."""

from pathlib import Path

WEIGHTS = "weights.safetensors"
CARD = "card.json"


def shipped_folder() -> Path | None:
    """The trained parts that come with the package: bench/weights when installed, weights/ in a checkout."""
    package = Path(__file__).parents[1]
    return next((f for f in (package / "weights", package.parent / "weights") if f.is_dir()), None)
