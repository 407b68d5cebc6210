"""Models by name: the workspace's own, and those that come with the package."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.discovery import nearest
from bench.errors import BenchError, shortened
from bench.models.manifest import MANIFEST, Manifest, read_manifest
from bench.runs.shipped import shipped_folder
from bench.runs.workspace import Workspace

if TYPE_CHECKING:
    from bench.models.model import Model


@dataclass(frozen=True)
class Found:
    """A model that can be named. where: "workspace" or "shipped"."""

    name: str
    folder: Path
    where: str

    @property
    def manifest(self) -> Manifest:
        """What it says of itself. BenchError when that cannot be read."""
        return read_manifest(self.folder)


def found_models(workspace: Workspace) -> dict[str, Found]:
    """Name -> model, in alphabetical order; one of the workspace hides a shipped one of the same name."""
    shipped = shipped_folder()
    layers = [("shipped", shipped / "models")] if shipped else []
    layers.append(("workspace", workspace.models))
    found = {
        file.parent.name: Found(file.parent.name, file.parent, where)
        for where, layer in layers
        for file in sorted(layer.glob(f"*/{MANIFEST}"))
        if not file.parent.name.startswith(".")
    }
    return dict(sorted(found.items()))


def named_model(workspace: Workspace, name: str) -> "Model":
    """The model of that name, or in that folder. BenchError, with the nearest name, for none."""
    from bench.models.model import Model  # seconds to import

    found = found_models(workspace)
    if name in found:
        return Model.open(found[name].folder)
    if Path(name).is_dir():
        return Model.open(Path(name))
    hub = f"; `bench models pull {name}` fetches it if it is the id of a hub" if name.count("/") == 1 else ""
    raise BenchError(f"There is no model {shortened(repr(name))}{hub}{nearest(name, found)}")
