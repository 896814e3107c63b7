"""Where lines came from, so that an event can be found again: `access.log@1234`.

That is a file and the byte at which the line begins there, from 0; of a gzip archive in what it
inflates to. `tail -c +1235 access.log | head -n 1` prints the line. The name is the one that the
file had when it was read: after a rotation the same bytes are in `access.log.1`.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SENT", "Origin"]


class Origin(NamedTuple):
    """Where a block of lines begins."""

    path: str
    offset: int = -1
    """-1 if the lines are not the file's own bytes: a line that was cut, UTF-16, what was sent."""

    def place(self, at: int) -> str:
        """Of a line that begins at a byte of the block."""
        return self.path if self.offset < 0 else f"{self.path}@{self.offset + at}"

    def later(self, by: int) -> Origin:
        """Of a part of the block that begins so many bytes after it."""
        return self if self.offset < 0 else Origin(self.path, self.offset + by)


SENT = Origin("sent")
"""Of lines that somebody sent."""
