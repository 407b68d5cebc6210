"""GitHub-flavoured Markdown."""

from leaderboard.format import Format, Page, View


def as_markdown(page: Page, view: View) -> str:
    """GitHub-flavoured tables, best in bold."""
    blocks = ["  \n".join(_markdown_escape(line) for line in page.header)]
    for grid in page.grids:
        if grid is not page.grids[0]:
            blocks.append(f"{grid.title}:")
        lines = [
            "| " + " | ".join(_markdown_escape(heading.text) for heading in grid.headings) + " |",
            "|" + "|".join("---:" if heading.align == "right" else ":---" for heading in grid.headings) + "|",
        ]
        for cells in (*grid.rows, *grid.paper_rows):
            texts = (_markdown_escape(cell.one_line) for cell in cells)
            bold = (f"**{text}**" if cell.bold else text for text, cell in zip(texts, cells, strict=True))
            lines.append("| " + " | ".join(bold) + " |")
        blocks.append("\n".join(lines))
    blocks.append("  \n".join(_markdown_escape(line) for line in page.footer))
    return "\n\n".join(blocks) + "\n"


def _markdown_escape(text: str) -> str:
    for character in "\\|*_`[]":
        text = text.replace(character, "\\" + character)
    return text.replace("<", "&lt;")


MARKDOWN = Format("markdown", write_page=as_markdown)
