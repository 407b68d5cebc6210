"""Progress: plain lines when the output is no terminal, bars when it is."""

import io
import re

from rich.console import Console

from bench.cli.console import PlainReporter, TerminalReporter, duration, reporter
from bench.reporting import task


def test_plain_lines_are_few_and_without_control_codes(capsys):
    with PlainReporter() as view, view.task("score model", 1000) as tick:
        for _ in range(1000):
            tick(note="loss 0.12")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("score model 1000/1000 loss 0.12, in ")
    assert "\x1b" not in lines[0]


def test_plain_lines_say_the_time_left(capsys):
    with PlainReporter(line_every_s=0) as view, view.task("cases", 2) as tick:
        tick()
    assert re.fullmatch(r"cases 1/2, 0\.\d s left\n", capsys.readouterr().out)


def test_output_that_is_no_terminal_gets_plain_lines():
    with reporter() as view:
        assert isinstance(view, PlainReporter)


def test_work_without_a_reporter_shows_its_tasks_in_the_view_of_the_command(capsys):
    with reporter(), task("reading scans", 1) as tick:
        tick()
    assert capsys.readouterr().out.startswith("reading scans 1/1, in ")
    with task("reading scans", 1) as tick:
        tick()
    assert capsys.readouterr().out == ""


def test_the_time_left_is_reckoned_from_recent_steps(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with PlainReporter(line_every_s=0) as view, view.task("cases", 400) as tick:
        for step in range(1, 391):
            now += 10.0 if step <= 100 else 1.0  # the first ones were slow
            tick()
    assert capsys.readouterr().out.splitlines()[-1] == "cases 390/400, 10 s left"


def test_terminal_shows_the_task_and_removes_it():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with TerminalReporter(console) as view:
        with view.task("scoring", 3) as tick:
            tick(note="sub-01")
            view._progress.refresh()
        assert view._progress.tasks == []
        view.say("a line [with brackets]")
    assert "scoring" in out.getvalue() and "1/3" in out.getvalue() and "sub-01" in out.getvalue()
    assert "a line [with brackets]" in out.getvalue()


def test_durations_in_words():
    assert [duration(s) for s in (0.44, 42, 200, 9000)] == ["0.4 s", "42 s", "3 min", "2.5 h"]
