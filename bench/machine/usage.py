"""How busy the machine is while something long runs on it, sampled now and then and kept as lines of JSON."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

EVERY_S = 10.0

Sample = dict[str, float]


@contextmanager
def usage_kept(file: Path, every_s: float = EVERY_S) -> Iterator[None]:
    """Add a line to a file every few seconds for as long as this lasts; work that is over sooner leaves none.

    A file that cannot be written gets no more lines, and nothing is said: what else is written there tells of it.
    """
    over = Event()
    thread = Thread(target=_keep, args=(file, every_s, over), name="usage", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_usage(file: Path) -> list[Sample]:
    """The samples of a file, earliest first; none where there is no file. A line that a kill cut off is left out.

    Each has "time_s" since 1970, and what `sample` gives.
    """
    samples = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            samples.append({name: float(value) for name, value in json.loads(line).items()})
        except (ValueError, AttributeError, TypeError):
            continue
    return sorted((one for one in samples if "time_s" in one), key=lambda one: one["time_s"])


def sample() -> Sample:
    """Processor and memory of the whole machine, and of each GPU that this process computes on; named as MLflow does.

    The processor's share is over the time since it was last asked for.
    """
    import psutil

    memory = psutil.virtual_memory()
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": round(memory.used / 1e6),
        "system_memory_usage_percentage": memory.percent,
        **_gpus(),
    }


def _keep(file: Path, every_s: float, over: Event) -> None:
    sample()  # from here on the processor's share is reckoned
    while not over.wait(every_s):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"time_s": round(time.time(), 1), **sample()}) + "\n")
        except OSError:
            return


def _gpus() -> Sample:
    """Nothing unless the process has begun to compute on a GPU: asking would begin it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    found = {}
    for number in range(torch.cuda.device_count()):
        try:
            free, total = torch.cuda.mem_get_info(number)
            found[f"gpu_{number}_memory_usage_megabytes"] = round((total - free) / 1e6)
            found[f"gpu_{number}_utilization_percentage"] = float(torch.cuda.utilization(number))
        except (ImportError, RuntimeError):  # without nvidia-ml-py, or where the driver does not tell
            continue
    return found
