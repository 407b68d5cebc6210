"""Writes the commit into wheels and source archives, so that results tell it where there is no git."""

import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VERSION_FILE = Path("bench", "machine", "version.py")


class CommitHook(BuildHookInterface):
    """Hatch calls it around each build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the file in; an editable install has git, and an unpacked source archive has the file already."""
        code = runpy.run_path(str(Path(self.root, VERSION_FILE)))
        commit = code["checkout_commit"](Path(self.root))
        if version == "editable" or commit is None:
            return
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name, code["COMMIT_FILE"].name)
        file.write_text(commit + "\n", encoding="utf-8")
        build_data["force_include"][str(file)] = str(VERSION_FILE.with_name(file.name))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the file's temporary place."""
        if hasattr(self, "folder"):
            self.folder.cleanup()
