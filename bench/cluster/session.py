"""A session with Ray: a cluster of this machine's own, begun and ended with the command, or one that is there."""

import logging
import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.cluster.watcher import watched
from bench.cores import available_cores
from bench.errors import BenchError, shortened

LOCAL = "local"
TEMPORARY = (
    "bench-ray-"  # begins the folder of Ray's sockets and logs, then comes the process; sockets need short paths
)
ANSWER_S = 5.0  # within which a cluster must answer
OBJECTS_BYTES = 256 * 2**20  # of shared memory: jobs and results are small, maps go to the disk
# Ray reads them when it is imported, hands them on to its processes, and never reads them again.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}
LOCAL_SETTINGS = {  # of a cluster of this machine's own
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what Ray calls listening on 127.0.0.1 only
}


@contextmanager
def ray_session(where: str, cores: int | None = None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster for as long as this lasts.

    Args:
        where: "local" for all of this machine; "auto" for the cluster that this machine belongs to; or its address,
            as 10.0.0.1:6379.
        cores: That "local" takes of this machine; all if None.

    Raises:
        BenchError: Without Ray, and when there is no such cluster.
    """
    if "://" in where:
        raise BenchError(f"--cluster {shortened(where)}: name the address as host:port, such as 10.0.0.1:6379.")
    settings = SETTINGS if where != LOCAL else SETTINGS | LOCAL_SETTINGS | {"RAY_AUTH_TOKEN": uuid.uuid4().hex}
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise BenchError("--cluster needs Ray: pip install 'brain-anomaly-bench[cluster]'.") from error
    # It prints a paragraph for each worker that dies, whatever `log_to_driver` says; the crew says it in a line.
    vars(ray._private.worker)["print_to_stdstream"] = lambda *given, **named: None
    with _own_cluster(ray, cores or available_cores()) if where == LOCAL else _joined_cluster(ray, where):
        yield ray


def python_path() -> str:
    """Where this process finds modules, plug-ins among them, for workers that start elsewhere."""
    own = (sys.prefix, sys.base_prefix)
    found = [str(Path(entry or ".").absolute()) for entry in sys.path]
    return os.pathsep.join(dict.fromkeys(entry for entry in found if not entry.startswith(own)))


def _quiet() -> dict[str, Any]:
    """Arguments of `ray.init` that keep it from printing, and let workers find the same modules."""
    return {
        "log_to_driver": False,
        "logging_level": logging.CRITICAL,
        "runtime_env": {"env_vars": {"PYTHONPATH": python_path()}},
    }


@contextmanager
def _own_cluster(ray: Any, cores: int) -> Iterator[None]:
    base = Path(os.environ.get("RAY_TMPDIR", "/tmp"))
    _remove_leftovers(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{os.getpid()}-", dir=base))
    try:
        with watched(folder):
            ray.init(
                address="local",
                num_cpus=cores,
                include_dashboard=False,
                object_store_memory=OBJECTS_BYTES,
                _temp_dir=str(folder),
                **_quiet(),
            )
            try:
                yield
            finally:
                ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _joined_cluster(ray: Any, where: str) -> Iterator[None]:
    from ray._private.services import canonicalize_bootstrap_address_or_die

    try:
        address = canonicalize_bootstrap_address_or_die(where)  # of "auto": RAY_ADDRESS, or what runs on this machine
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()  # Ray itself would try for minutes
        ray.init(address=address, **_quiet())
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        why = shortened(" ".join(str(getattr(error, "strerror", None) or error).split()).rstrip("."))
        raise BenchError(
            f"--cluster {shortened(where)}: no cluster can be reached there ({why}); start one with "
            "`ray start --head`, or take --cluster local."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _remove_leftovers(base: Path) -> None:
    """Folders of commands that were killed."""
    for folder in base.glob(f"{TEMPORARY}*-*"):
        process = folder.name.removeprefix(TEMPORARY).partition("-")[0]
        with suppress(OSError, ValueError):
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
