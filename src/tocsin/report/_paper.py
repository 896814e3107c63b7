"""The page for a program that sets paper: pictures of its own, colours by value, nothing to fetch.

Such programs know neither symbols that are used elsewhere nor colours by name inside a drawing.
"""

from __future__ import annotations

import base64
import re

from tocsin.report._style import STYLE, SYMBOLS

__all__ = ["paper_page"]

_BOX = '<rect x="1" y="1" width="18" height="18" fill="{}" stroke="{}" stroke-width="1.2"/>'
_WHITE = _BOX.format("#fff", "#444")
_PICTURES = {
    "operated": f"{_BOX.format('#eef5f0', '#2c6e49')}"
    '<circle cx="10" cy="10" r="3" fill="#2c6e49"/>',
    "exception": '<rect x="1" y="1" width="18" height="18" fill="#8c1a14"/>'
    '<rect x="8.5" y="4" width="3" height="8" fill="#fff"/>'
    '<rect x="8.5" y="14" width="3" height="3" fill="#fff"/>',
    "no-data": f"{_WHITE}"
    '<path d="M1 7L7 1M1 13L13 1M1 19L19 1M7 19L19 7M13 19L19 13" stroke="#444"'
    ' stroke-width="1.4"/>',
    "not-run": f'{_WHITE}<path d="M4 4L16 16M16 4L4 16" stroke="#000" stroke-width="2.4"/>',
    "late": f'{_WHITE}<path d="M1 19L19 1V19Z" fill="#7a5200"/>',
}
"""As in SYMBOLS, with the colours of print."""

_PLOT_STYLE = (
    "<style>.axis { stroke: #bbb; stroke-width: 1; }"
    " .dot { fill: #2c6e49; } .ring { fill: #fff; stroke: #000; stroke-width: 1.5; }"
    " .miss { stroke: #8c1a14; stroke-width: 2; fill: none; } .gap { fill: #000; }"
    " .band { fill: #eef5f0; stroke: #bbb; }</style>"
)

_STYLE = """
@page { size: A4; margin: 16mm 14mm 18mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
:root { --ink: #000; --paper: #fff; --soft: #444; --line: #bbb; --wash: #f6f6f6; --ok: #2c6e49;
  --okwash: #eef5f0; --bad: #8c1a14; --odd: #7a5200; --link: #000; }
body { font: 10pt/1.45 sans-serif; }
.legend, .legend li { display: block; }
.legend img { margin-right: 0.4rem; }
.state { width: 1rem; height: 1rem; }
.cal img { width: 4.6mm; height: 4.6mm; }
.cal a { display: inline; }
.cal th.of { break-after: avoid; }
"""

_PICTURE = re.compile(
    r'<svg(?P<given>[^>]*)>(?:<title>[^<]*</title>)?<use href="#(?P<state>[a-z-]+)"/></svg>'
)
_LABEL = re.compile(r'aria-label="([^"]*)"')
_PLOT = re.compile(r'<svg class="plot"[^>]*>')


def paper_page(page: bytes) -> str:
    """`page` is what `report_page` made."""
    text = page.decode().replace(SYMBOLS, "").replace(STYLE, STYLE + _STYLE, 1)
    text = _PICTURE.sub(_picture, text)
    return _PLOT.sub(lambda plot: plot[0] + _PLOT_STYLE, text)


def _picture(match: re.Match[str]) -> str:
    label = _LABEL.search(match["given"])
    kind = ' class="state"' if 'class="state"' in match["given"] else ""
    return f'<img{kind} alt="{label[1] if label else ""}" src="{_SOURCES[match["state"]]}">'


def _source(picture: str) -> str:
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">{picture}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


_SOURCES = {state: _source(picture) for state, picture in _PICTURES.items()}
