"""The harness: commands, detector interface, runs, store of fitted components, tracking.

From Python: `bench.load_board(workspace)` and `bench.load_results(workspace)` give pandas frames.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.runs.finished import load_board, load_results

__all__ = ["load_board", "load_results"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bench.runs import finished  # when first asked for: `import bench` imports nothing

    return getattr(finished, name)
