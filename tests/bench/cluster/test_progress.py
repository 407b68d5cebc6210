"""What another process reports is shown here as if it were reported here."""

from contextlib import contextmanager

from bench.cluster.progress import NotingReporter, Progress, ShownProgress


class Watched:
    """A reporter that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    @contextmanager
    def task(self, description, total):
        self.told.append((description, total))
        yield lambda steps=1, note="": self.told.append((steps, note))
        self.told.append(f"{description} ends")

    def say(self, line):
        self.told.append(line)


def test_tasks_steps_and_lines_arrive_once_and_in_order():
    there, here = NotingReporter(), Watched()
    with ShownProgress(here) as shown:
        there.say("one line")
        with there.task("training", 10) as tick:
            tick(2)
            tick(1, "loss 0.5")
            shown.show(there.taken())
            shown.show(there.taken())  # nothing has happened since
            tick(7)
            shown.show(there.taken())
        shown.show(there.taken())
        with there.task("short", 1) as tick:  # begins and ends between two looks
            tick()
        shown.show(there.taken())
        assert here.told == ["one line", ("training", 10), (3, "loss 0.5"), (7, "loss 0.5"), "training ends"]
        with there.task("interrupted", 5):
            shown.show(there.taken())
    assert here.told[-2:] == [("interrupted", 5), "interrupted ends"]
    assert there.taken() == Progress()
