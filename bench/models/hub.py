"""Models on a hub (huggingface.co, or any server of its kind that HF_ENDPOINT names): fetched and sent by id.

Nothing goes over the net unless `bench models pull` or `push` is called. Weights are safetensors and JSON, so that
nothing of a fetched model is ever executed; the method itself is the one that this bench has.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from bench.errors import BenchError, reason, shortened
from bench.models.model import PARTS, Model, part_folder

ID = re.compile(r"[\w.-]+/[\w.-]+")
FILES = ("*.json", "*.nii.gz", "*.safetensors", "README.md")  # all that a model consists of
MISSING = "huggingface-hub, which talks to hubs, is not installed: pip install 'brain-anomaly-bench[hub]'."


def pulled(model_id: str, models: Path, revision: str | None = None) -> Model:
    """Fetch a model.

    Args:
        model_id: Such as "somebody/ixi-t1w".
        models: The folder of models; the new one gets the name it bears in its manifest.
        revision: Branch, tag or commit; the newest if None.

    Raises:
        BenchError: When the hub does not give it, it is no model, or another model of that name is there.
    """
    check_id(model_id)
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".pull-") as scratch:
        place = Path(scratch, "model")
        with _told(model_id, "fetched"):
            from huggingface_hub import snapshot_download

            snapshot_download(
                model_id,
                revision=revision,
                local_dir=place,
                cache_dir=Path(scratch, "cache"),
                allow_patterns=list(FILES),
                endpoint=_endpoint(),
            )
        shutil.rmtree(place / ".cache", ignore_errors=True)
        model = Model.open(place)
        target = models / model.manifest.name
        if target.exists():
            if Model.open(target).manifest.checksum == model.manifest.checksum:
                return Model.open(target)
            raise BenchError(f"{target} is another model of that name: move it away to fetch {model_id}.")
        place.replace(target)
    return Model.open(target)


def pushed(model: Model, model_id: str, private: bool) -> str:
    """Send a model to a hub, with all its parts, and give its page. BenchError when the hub does not take it.

    Who is logged in is huggingface_hub's matter: `hf auth login`, or the variable HF_TOKEN.
    """
    check_id(model_id)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, "model")
        whole(model, place)
        with _told(model_id, "sent"):
            from huggingface_hub import HfApi

            hub = HfApi(endpoint=_endpoint())
            page = hub.create_repo(model_id, private=private, exist_ok=True)
            hub.upload_folder(repo_id=model_id, folder_path=place, commit_message=f"{model.manifest.name} by bench")
    return str(page)


def whole(model: Model, place: Path) -> None:
    """A copy of a model that holds all its parts, also those that come with the package."""
    shutil.copytree(model.folder, place, copy_function=shutil.copyfile)
    for part in model.manifest.parts:
        if not (place / PARTS / part.folder).exists():
            shutil.copytree(part_folder(model.folder, part), place / PARTS / part.folder, copy_function=shutil.copyfile)


def check_id(model_id: str) -> None:
    """BenchError for what is no id of a hub."""
    if not ID.fullmatch(model_id):
        raise BenchError(f"{shortened(model_id)} is no id of a hub: it reads OWNER/NAME, such as somebody/ixi-t1w.")


@contextmanager
def _told(model_id: str, what: str) -> Iterator[None]:
    """Errors of the hub as a sentence."""
    if find_spec("huggingface_hub") is None:
        raise BenchError(MISSING)
    from huggingface_hub import errors
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    where = _endpoint() or "huggingface.co"
    try:
        yield
    except errors.GatedRepoError as error:
        raise BenchError(f"{model_id} is given out on request only: ask for it at {where}, then log in.") from error
    except errors.RepositoryNotFoundError as error:
        raise BenchError(
            f"{where} knows no {model_id}, or does not show it to you: check the id, or log in by `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise BenchError(f"{model_id} has no such revision at {where}.") from error
    except Exception as error:  # of whatever library it talks with
        why = f"{where} does not answer as it should: {reason(error)}"
        raise BenchError(f"{model_id} cannot be {what}, {why}") from error


def _endpoint() -> str | None:
    """The hub that HF_ENDPOINT names, None for huggingface_hub's own."""
    return os.environ.get("HF_ENDPOINT") or None
