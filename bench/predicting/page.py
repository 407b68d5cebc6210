"""All predictions of a folder as a table, and as one page with their pictures."""

import csv
import io
from importlib.resources import files

from bench.files import write_text
from bench.machine.version import version
from bench.models.card import median
from bench.models.manifest import Manifest
from bench.predicting.output import Predictions
from bench.predicting.sidecar import Sidecar, read_sidecar
from leaderboard.sharing import csv_cell

COLUMNS = (
    *("participant_id", "image_score", "percentile", "marked_ml", "components", "largest_ml", "brain_ml"),
    *("alignment", "warnings", "seconds"),
)


def write_page(folder: Predictions, manifest: Manifest, fpr: float, set_aside: dict[str, str]) -> None:
    """Write predictions.tsv and index.html of all that is in the folder, the most anomalous scan first."""
    found = [one for path in folder.sidecars() if (one := read_sidecar(path)) is not None]
    found.sort(key=lambda one: (-one.image_score.value, one.id))
    write_text(folder.table, table_text(found))
    write_text(folder.page, page_text(folder, manifest, fpr, found, set_aside))


def table_text(sidecars: list[Sidecar]) -> str:
    """A line for each scan, parted by tabs."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in sidecars:
        volumes, score = one.volumes, one.image_score
        writer.writerow(
            [
                csv_cell(one.id),
                f"{score.value:.6g}",
                score.percentile,
                volumes.marked_ml,
                volumes.components,
                volumes.largest_ml,
                volumes.brain_ml,
                one.alignment.how,
                csv_cell(" ".join(one.warnings)) or "n/a",
                one.seconds,
            ]
        )
    return text.getvalue()


def page_text(
    folder: Predictions, manifest: Manifest, fpr: float, sidecars: list[Sidecar], set_aside: dict[str, str]
) -> str:
    """The page. Pictures and files are linked by relative paths, so that the folder can be moved as a whole."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = files("bench.predicting").joinpath("page.html.jinja").read_text(encoding="utf-8")
    threshold = manifest.threshold(fpr)

    def links(one: Sidecar) -> dict[str, str]:
        paths = {
            "picture": folder.picture_path(one.id),
            "map": folder.map_path(one.id),
            "mask": folder.mask_path(one.id),
            "sidecar": folder.sidecar_path(one.id),
        }
        return {name: path.relative_to(folder.path).as_posix() for name, path in paths.items()}

    return environment.from_string(template).render(
        model=manifest,
        threshold=threshold,
        healthy_ml=median(threshold.healthy_ml),
        scans=[(one, links(one)) for one in sidecars],
        set_aside=sorted(set_aside.items()),
        version=version(),
    )
