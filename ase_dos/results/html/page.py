"""Parts of a page: sections, tables, figures."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from matplotlib import rc_context
from matplotlib.axes import Axes

from ase_dos.plot.style import figure_of

__all__ = ["figures_html", "full_page", "note", "section", "symbols", "table"]

PIXELS = 160  # per inch, of images within figures
SYMBOL = re.compile(r"\b([ECkn])_(F|el|B|eff)\b")


def full_page(title: str, lead: str, sections: Sequence[str]) -> str:
    """Page with its style and these sections."""
    template = Template((files("ase_dos.results.html") / "page.html").read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), lead=escape(lead), body="\n".join(sections))


def section(title: str, *parts: str) -> str:
    """Heading with its parts."""
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def note(text: str) -> str:
    """Paragraph of plain text that explains."""
    return f'<p class="note">{symbols(text)}</p>'


def symbols(text: str) -> str:
    """Plain text, escaped, with the indices of its symbols set as such."""
    return SYMBOL.sub(r"\1<sub>\2</sub>", escape(text))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], style: str = "") -> str:
    """Table of plain text."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{symbols(cell)}</{tag}>" for cell in cells) + "</tr>"

    heading = f"<thead>{line(head, 'th')}</thead>" if head else ""
    body = "\n".join(line(row, "td") for row in rows)
    inner = f'<table class="{style}">{heading}<tbody>{body}</tbody></table>'
    return f'<div class="scroll">{inner}</div>'


def figures_html(figures: Sequence[tuple[Axes, str]]) -> str:
    """Figures, given by their Axes, with captions of plain text."""
    shown = [
        f'<figure><img src="{_image(ax)}" alt="{escape(caption)}">'
        f"<figcaption>{symbols(caption)}</figcaption></figure>"
        for ax, caption in figures
    ]
    return f'<div class="figures">{"".join(shown)}</div>'


def _image(ax: Axes) -> str:
    """Figure of these axes as vector graphics in a data URI, so that identifiers cannot clash."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "ase_dos"}):  # the same page for the same results
        figure_of(ax).savefig(buffer, format="svg", dpi=PIXELS, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
