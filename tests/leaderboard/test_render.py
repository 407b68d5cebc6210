"""Every format draws from one table: what each must contain."""

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from bench.errors import BenchError
from leaderboard.format import View
from leaderboard.latex_text import latex_text
from leaderboard.render import FORMATS, render
from leaderboard.table import Table, build_table


@pytest.fixture
def table(make_run) -> Table:
    good = {"hd99_vox": [7.0, 7.5], "msd_vox": [2.0, 2.1], "tpr": [0.8, 0.9], "ppv": [0.9, 1.0]}
    poor = {"hd99_vox": [12.0, 13.0], "msd_vox": [3.0, 4.0], "tpr": [0.2, 0.3], "ppv": [0.1, 0.2]}
    return build_table(
        [
            make_run("spatial-msma", runtime_s_per_case=1.5, device="cpu", **good),
            make_run("zscore", baseline=True, **poor),
            make_run("inpaint", of=2, status="failed", error="A & B_c <d>"),
        ],
        paper=True,
    )


def test_json_has_the_agreed_form(table: Table) -> None:
    value = json.loads(render(table, "json"))
    assert value["dataset"] == "phantom"
    assert value["dataset_fingerprint"] == "0123456789abcdef"
    assert value["protocol"] == "paper@1"
    first = value["rows"][0]
    assert (first["method"], first["n"], first["of"]) == ("spatial-msma", 2, 2)
    assert first["hd99_vox"]["mean"] == 7.25
    assert first["hd99_vox"]["se"] == pytest.approx(0.25)
    assert {"msd_vox", "tpr", "ppv"} <= set(first)
    assert first["runtime_s_per_case"] == 1.5
    assert value["rows"][2]["error"] == "seed 0: A & B_c <d>"
    assert value["paper_rows"][4]["tpr"]["mean"] == 0.83


def test_csv_reads_back(table: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert [line["method"] for line in lines[:3]] == ["spatial-msma", "zscore", "inpaint"]
    assert float(lines[0]["tpr_mean"]) == pytest.approx(0.85)
    assert lines[2]["tpr_mean"] == ""
    assert [line["status"] for line in lines] == ["finished", "finished", "failed"] + ["reported"] * 5


def test_markdown_is_a_table_with_the_best_in_bold(table: Table) -> None:
    lines = render(table, "markdown").splitlines()
    (heading,) = [line for line in lines if line.startswith("| #")]
    assert heading == "| # | method | n/N | 99-HD ↓ (voxel) | MSD ↓ (voxel) | TPR ↑ | PPV ↑ |"
    (first,) = [line for line in lines if line.startswith("| 1 ")]
    assert first.startswith("| 1 | spatial-msma | 2/2 | **7.25 ± 0.25** |")
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert any("upper bound" in line for line in lines)
    assert any(line.startswith("† reported") for line in lines)


def test_rich_fits_eighty_columns_and_is_plain_without_color(table: Table) -> None:
    text = render(table, "rich", View(width=80))
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "7.25 ± 0.25*" in text
    assert "inpaint failed (seed 0: A & B_c <d>), so it is not ranked." in " ".join(text.split())


def test_rich_with_color_has_the_best_in_bold_and_no_stars(table: Table) -> None:
    text = render(table, "rich", View(color=True, width=80))
    assert re.search("\x1b\\[1m *7.25 ± 0.25\x1b\\[0m", text)
    assert "*" not in text
    without_color = re.sub("\x1b\\[[0-9;]*m", "", text)
    assert max(map(len, without_color.splitlines())) <= 80
    for name in ("spatial-msma", "zscore", "GradCAM-MSMA"):
        assert name in without_color


def test_square_brackets_in_reasons_are_kept(make_run) -> None:
    table = build_table([make_run("a", of=1, status="failed", error="shape [96, 112] [bold]")])
    assert "shape [96, 112] [bold]" in render(table, "rich")


def test_latex_escapes_and_balances(table: Table) -> None:
    text = render(table, "latex", View(statistics=True, costs=True))
    assert len(re.findall(r"\\begin\{table\*?\}", text)) == len(re.findall(r"\\end\{table\*?\}", text)) == 3
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 3
    assert r"\textbf{7.25 $\pm$ 0.25}" in text
    assert r"A \& B\_c $<$d$>$" in text
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    assert {line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")} == {6}
    assert text.isascii()


def test_html_is_well_formed_and_escaped(table: Table) -> None:
    class Checker(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open_tags: list[str] = []
            self.cells = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                self.open_tags.append(tag)
            self.cells += tag == "td"

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

    checker = Checker()
    text = render(table, "html")
    checker.feed(text)
    assert checker.open_tags == []
    assert checker.cells == 8 * 7
    assert "<strong>7.25 ± 0.25</strong>" in text
    assert "&lt;d&gt;" in text


def test_latex_has_short_cells_and_stars(make_run) -> None:
    n = 12
    values = [0.5 + i / 100 for i in range(n)]
    runs = [
        make_run("a", {"patches.density": "flow"}, tpr=values),
        make_run("b", tpr=[v - 0.3 - v / 50 for v in values]),
    ]
    runs.append(make_run("a", {"patches.density": "gaussian"}, tpr=[v - 0.1 for v in values]))
    text = render(build_table(runs, metrics=["tpr"]), "latex", View(statistics=True))
    assert "0.23--0.26***" in text  # p = 2 / 2^12, twice: below 0.001
    assert text.count(r" &   density=gaussian & ") == 2
    assert text.count(r"\begin{table}") == 2  # narrow enough for a column


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 50 %", r"a\_b \& 50 \%"),
        ("Zürich, naïve, Ångström", r"Z\"{u}rich, na\"{i}ve, \r{A}ngstr\"{o}m"),
        ("Straße", r"Stra\ss{}e"),
        ("α ≥ 0.5 µm", r"$\alpha$ $\geq$ 0.5 $\mu$m"),
        ("σ Σ λ", r"$\sigma$ $\Sigma$ $\lambda$"),
        ("脑", r"\texttt{U+8111}"),
        ("-5.93 to -.06; 9-10, msma-2", r"$-$5.93 to $-$.06; 9-10, msma-2"),
        (r"C:\x~y^2", r"C:\textbackslash{}x\textasciitilde{}y\textasciicircum{}2"),
    ],
)
def test_any_text_is_spelled_for_latex(text: str, expected: str) -> None:
    assert latex_text(text) == expected


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", "[twocolumn]"])
def test_latex_compiles_and_fits(table: Table, tmp_path, options: str, make_run) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("there is no TeX here")
    words = {"error": "/home/Jürgen/α_β #1 脑 <x>", "of": 2, "status": "failed"}
    good = {"hd99_vox": [17.25, 7.5], "msd_vox": [12.0, 2.1], "tpr": [0.8, 0.9], "ppv": [0.9, 1.0]}
    odd = [
        make_run("spatial-msma", {"patches.density": one}, runtime_s_per_case=12.5, **good)
        for one in ("flow", "gaussian")
    ]
    other = build_table([*odd, make_run("ünïcode_ωmega", **words)], paper=True)
    bodies = [render(one, "latex", View(statistics=True, costs=True)) for one in (table, other)]
    document = rf"\documentclass{options}{{article}}\usepackage{{booktabs}}\begin{{document}}" + "\n".join(bodies)
    (tmp_path / "table.tex").write_text(document + r"\end{document}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout


def test_csv_for_a_german_spreadsheet(table: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(render(table, "csv", View(separator=";"))), delimiter=";"))
    assert lines[0]["tpr_mean"].startswith("0,85")
    with pytest.raises(BenchError, match="--separator is for --format csv: leave it out with json"):
        render(table, "json", View(separator=";"))


@pytest.mark.parametrize("format", ["rich", "markdown", "latex", "html"])
def test_statistics_and_costs_come_on_request(table: Table, format: str) -> None:
    assert "Holm" not in render(table, format)
    full = render(table, format, View(statistics=True, costs=True))
    assert "Holm" in full
    assert format == "latex" or "p = 0.500" in full  # two cases, one direction: 2 of 4 sign patterns
    assert "1.50" in full


@pytest.mark.parametrize("format", FORMATS.all())
def test_every_format_ends_with_one_newline(table: Table, format: str) -> None:
    text = render(table, format)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_an_unknown_format_names_the_known_ones(table: Table) -> None:
    with pytest.raises(BenchError, match="There is no format 'xlsx', there are csv, html, json, latex, markdown, rich"):
        render(table, "xlsx")
    with pytest.raises(BenchError, match="did you mean 'markdown'"):
        render(table, "markdwon")
