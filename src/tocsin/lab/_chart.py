"""A column chart of text, with a line where the limit is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["column_chart"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_GUTTER = 5


def column_chart(
    points: Sequence[tuple[float, float]],
    start: float,
    end: float,
    limit: float | None,
    width: int,
    rows: int,
) -> list[Text]:
    """One column a moment from `start` to `end`, higher than `limit` in another style."""
    columns = max(10, width - _GUTTER)
    heights = _columns(points, start, end, columns)
    top = max([*heights, 2 * (limit or 1.0)])
    level = None if limit is None else min(rows - 1, int(limit / top * rows))
    lines = []
    for row in reversed(range(rows)):
        line = Text(_label(row, rows, level, limit, top))
        for height in heights:
            filled = round(min(max(height / top * rows - row, 0.0), 1.0) * 8)
            if filled:
                above = limit is not None and height > limit
                line.append(_EIGHTHS[filled], style="red" if above else "cyan")
            else:
                line.append("┄" if row == level else " ", style="yellow")
        lines.append(line)
    return lines


def _label(row: int, rows: int, level: int | None, limit: float | None, top: float) -> str:
    if row == level:
        return f"{limit:>4g} "
    return f"{top:4.0f} " if row == rows - 1 else " " * _GUTTER


def _columns(
    points: Sequence[tuple[float, float]], start: float, end: float, count: int
) -> list[float]:
    """The last value at or before each column's moment; 0 where there is none."""
    heights = [0.0] * count
    span = max(end - start, 1.0)
    for at, value in points:
        column = int((at - start) / span * count)
        if 0 <= column < count:
            heights[column] = value
    # Fewer points than columns: a column between two points shows the one before.
    last = int((points[-1][0] - start) / span * count) if points else -1
    for column in range(1, min(last + 1, count)):
        heights[column] = heights[column] or heights[column - 1]
    return heights
