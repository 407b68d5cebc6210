"""One HTML page about all prepared heads: those to look at first, then all others, then those set aside."""

import html
from collections.abc import Sequence
from pathlib import Path

from bench.files import write_text
from datasets.dataset import SetAside
from datasets.preparing.montage import MASK, TEMPLATE
from datasets.preparing.quality import Quality, outliers

PAGE = "quality.html"
FIGURES = "figures"
STYLE = f"""
:root {{ color-scheme: dark }}
body {{ background: #0b0f14; color: #e5e7eb; font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1400px;
  padding: 1.5rem }}
h1 {{ font-size: 1.4rem; font-weight: 600; margin: 0 }}
h2 {{ font-size: 1.05rem; font-weight: 600; margin: 2rem 0 .5rem }}
p {{ color: #9ca3af; max-width: 75ch; margin: .4rem 0 }}
figure {{ background: #000; border: 1px solid #1f2937; border-radius: 8px; margin: 0 0 1rem; overflow: hidden }}
figure.look {{ border-color: #b91c1c }}
figure img {{ display: block; width: 100% }}
figcaption {{ background: #111827; display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; padding: .5rem .9rem;
  font-variant-numeric: tabular-nums }}
figcaption b {{ min-width: 9rem }}
.why {{ color: #fca5a5; flex-basis: 100% }}
.mask {{ color: {MASK} }} .template {{ color: {TEMPLATE} }}
li {{ margin: .2rem 0 }}
"""

Head = tuple[str, str, Quality]  # id, where its brain mask comes from, measures


def write_page(target: Path, heads: Sequence[Head], set_aside: Sequence[SetAside]) -> None:
    """Write OUT/quality.html; its pictures lie in OUT/figures."""
    reasons = outliers([quality for *_, quality in heads])
    to_look_at = [_figure(head, why) for head, why in zip(heads, reasons, strict=True) if why]
    others = [_figure(head, []) for head, why in zip(heads, reasons, strict=True) if not why]
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>Prepared heads</title><style>{STYLE}</style></head><body>',
        f"<h1>{len(heads)} prepared heads, {len(to_look_at)} to look at, {len(set_aside)} set aside</h1>",
        '<p><span class="mask">Blue</span>: the brain mask. <span class="template">Amber</span>: the brain of the '
        "ICBM152 template. Blue should follow the brain's edge, with no brain outside; amber should lie close to it. "
        "The subject's right is on the right. Only the brain and 6 mm around it are shown.</p>",
    ]
    if set_aside:
        items = "".join(f"<li><b>{html.escape(one.id)}</b> {html.escape(one.reason)}</li>" for one in set_aside)
        parts.append(f"<h2>Set aside</h2><ul>{items}</ul>")
    if to_look_at:
        parts += ["<h2>To look at</h2>", *to_look_at]
    if others:
        parts += ["<h2>As usual</h2>", *others]
    write_text(target / PAGE, "\n".join([*parts, "</body></html>"]) + "\n")


def _figure(head: Head, why: Sequence[str]) -> str:
    """A head's picture with its measures; and why it is to be looked at, if it is."""
    id, brain_mask, quality = head
    name = html.escape(id)
    reasons = f'<span class="why">{html.escape("; ".join(why))}</span>' if why else ""
    return (
        f'<figure{" class=look" if why else ""}><img loading="lazy" src="{FIGURES}/{name}.png" alt="{name}">'
        "<figcaption>"
        f"<b>{name}</b><span>brain {quality.brain_ml:.0f} ml</span><span>growth {quality.growth:.2f} x</span>"
        f"<span>likeness {quality.likeness:.2f}</span><span>mask: {html.escape(brain_mask)}</span>{reasons}"
        "</figcaption></figure>"
    )
