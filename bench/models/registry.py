"""An exported model in MLflow's registry: the next version of its name, linked to the run that it was made of."""

from pathlib import Path

from bench.models.card import card_text
from bench.models.export import finished_result
from bench.models.manifest import Manifest
from bench.models.model import PARTS, part_folder
from bench.runs.bench import Bench
from bench.runs.mlflow_store import MlflowStore
from bench.runs.run_folder import RunFolder

CHECKSUM = "bench.checksum"


def register_model(bench: Bench, run: Path, manifest: Manifest, folder: Path) -> str | None:
    """Put a model's files among the artifacts of its run, and a version of it into the registry.

    Args:
        bench: Where the run lies, and which store is in use.
        run: The folder of the run.
        manifest: The model.
        folder: Its files.

    Returns:
        The version, such as "2"; None where the store did not take it, which is said.
    """

    def work(store: MlflowStore, run_id: str) -> str:
        return _version(store, run_id, manifest, folder)

    run_folder = RunFolder.load(run)
    return bench.tracker.log_more(finished_result(run_folder), run_folder, work, f"The model is kept in {folder}.")


def _version(store: MlflowStore, run_id: str, manifest: Manifest, folder: Path) -> str:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store.uri)
    place = f"models/{manifest.name}-{manifest.checksum[:8]}"  # of its own: an earlier version keeps its files
    client.log_artifacts(run_id, str(folder), place)
    for part in manifest.parts:
        lies_in = part_folder(folder, part)
        if folder not in lies_in.parents:  # it came with the package
            client.log_artifacts(run_id, str(lies_in), f"{place}/{PARTS}/{part.folder}")
    if not client.search_registered_models(f"name = '{manifest.name}'"):
        client.create_registered_model(manifest.name, {"method": manifest.method}, manifest.title)
    version = client.create_model_version(
        manifest.name,
        f"{client.get_run(run_id).info.artifact_uri}/{place}",
        run_id,
        {
            CHECKSUM: manifest.checksum,
            "licence": manifest.licence,
            "method": manifest.method,
            "channels": " ".join(manifest.channels),
            "training_fingerprint": manifest.cohort.training_fingerprint,
        },
        description=card_text(manifest).split("---\n", 2)[2],
    )
    return str(version.version)
