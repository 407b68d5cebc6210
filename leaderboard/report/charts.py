"""Figures as parts of a page: colours and type are the page's own, so that they follow light and dark."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from leaderboard.colours import BASELINES, METHODS, OTHER_BASELINE, OTHERS, Style
from leaderboard.figures.saving import svg_text
from leaderboard.figures.style import FAINT, INK, MUTED, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL_STYLES = (*METHODS.values(), *BASELINES.values(), *OTHERS, OTHER_BASELINE)
PANEL = (4.1, 2.9)  # inches; a panel fills a phone's width


def colour_name(style: Style) -> str:
    """The page's variable that holds a style's colour."""
    return f"--c{style.light[1:]}"


def colour_variables(dark: bool) -> str:
    """CSS that defines them."""
    return "".join(f"{colour_name(one)}:{one.dark if dark else one.light};" for one in ALL_STYLES)


def chart(name: str, draw: "Callable[[Axes], None]", size_in: tuple[float, float] = PANEL) -> str:
    """One panel as <svg>. name: unique on the page."""
    figure, (axes,) = panels(1, size_in=size_in)
    draw(axes)
    return themed(svg_text(figure), name)


def untitled(name: str, draw: "Callable[[Axes], None]") -> str:
    """The same for a panel alone, whose title the page has already."""

    def without_title(axes: "Axes") -> None:
        draw(axes)
        axes.set_title("", loc="left")

    return chart(name, without_title)


def themed(svg: str, name: str) -> str:
    """An <svg> of matplotlib with the page's colours and type, and ids that no other figure has."""
    page = {INK: "--ink", MUTED: "--muted", FAINT: "--rule", "#ffffff": "--paper", "#000000": "--ink"}
    for colour, variable in {**{one.light: colour_name(one) for one in ALL_STYLES}, **page}.items():
        svg = re.sub(rf"{colour}\b", f"var({variable})", svg, flags=re.IGNORECASE)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:xlink:href=\"|url\()#([\w-]+)", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r"(xlink:href=\"|url\()#", rf"\1#{name}-", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[\d.]+pt" height="[\d.]+pt"', r"<svg \1", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    return re.sub(r"<svg ", '<svg aria-hidden="true" focusable="false" ', svg, count=1)


def mark_svg(style: Style) -> str:
    """A method's mark on its line, for a legend."""
    from matplotlib.markers import MarkerStyle

    marker = MarkerStyle(style.mark)
    path = marker.get_path().transformed(marker.get_transform())
    words = []
    for points, code in path.iter_segments():
        numbers = " ".join(f"{7.5 * value * (-1) ** (i % 2) + (17, 8)[i % 2]:.2f}" for i, value in enumerate(points))
        words.append({1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}[int(code)] + ("" if code == 79 else numbers))
    colour = f"var({colour_name(style)})"
    dashes = f' stroke-dasharray="{" ".join(f"{1.6 * dash:g}" for dash in style.dashes)}"' if style.dashes else ""
    fill = "var(--paper)" if style.hollow else colour
    return (
        '<svg class="mark" viewBox="0 0 34 16" aria-hidden="true" focusable="false">'
        f'<path d="M1 8H33" stroke="{colour}" stroke-width="1.8"{dashes}/>'
        f'<path d="{" ".join(words)}" fill="{fill}" stroke="{colour}" stroke-width="1.6"/></svg>'
    )


def legend(labels: Sequence[str], styles: Mapping[str, Style]) -> list[tuple[str, str]]:
    """(mark, label) pairs."""
    return [(mark_svg(styles[label]), label) for label in labels]
