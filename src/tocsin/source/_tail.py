"""Follow the log files of one group through all kinds of rotation.

Every byte of every matching file is handed out exactly once, as whole lines, if the caller
commits `Tail.state` together with what it made of the blocks. A Tail made anew from a committed
state goes on at exactly that byte. Reliability notes, F7 to F14.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from tocsin.durations import SECOND
from tocsin.source._log_files import DEFAULT_LIMITS
from tocsin.source._tail_file import PackedError, ReplacedError
from tocsin.source._tail_register import MOST_OPEN, Register
from tocsin.source._tail_state import TailBlock, TailState, Taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.source._log_files import LogLimits
    from tocsin.source._tail_file import Followed

__all__ = ["Tail"]

_BUDGET = 4 * 1024 * 1024
_QUANTUM = 512 * 1024
_SCAN = SECOND


class Tail:
    """The files of one log group. Not for use by two threads at once."""

    def __init__(
        self,
        patterns: Sequence[str],
        state: TailState | None = None,
        *,
        limits: LogLimits = DEFAULT_LIMITS,
        grace: int = 5 * SECOND,
        most: int = 10_000,
    ) -> None:
        """Go on from `state`, or begin with all that is there.

        `grace` is how long to wait for more of a file that was rotated away, and for the copy
        of one that was truncated, microseconds. `most` is how many files are remembered.
        """
        self._register = Register(patterns, state or TailState(), limits, grace, most)
        self._limits = limits
        self._grace = grace
        self._scanned: int | None = None
        self._turn = 0

    @property
    def state(self) -> TailState:
        """To be committed with what was taken; the same object if nothing changed.

        If a commit fails, close this Tail and make another from the state committed last.
        """
        return self._register.state

    def close(self) -> None:
        for file in self._register.files.values():
            file.close()

    def poll(self, now: int, budget: int = _BUDGET) -> Taken:
        """What was written since the last poll, about `budget` bytes at most.

        Never raises for what is wrong with a file: `Taken.problems` and `Taken.gaps` tell.
        """
        taken = Taken()
        if self._scanned is None or not 0 <= now - self._scanned < _SCAN:
            self._scan(now, taken)
        if self._look():
            self._scan(now, taken)
        self._read_all(now, budget, taken)
        active = list(self._active())
        taken.more = taken.more or any(each.backlog for each in active)
        taken.files = len(active)
        taken.problems = [
            *self._register.problems.items(),
            *(
                (each.position.path, each.problem)
                for each in self._register.files.values()
                if each.problem and not each.position.missing
            ),
        ]
        return taken

    def _active(self) -> list[Followed]:
        return [
            each
            for each in self._register.files.values()
            if not each.position.done and not each.position.missing
        ]

    def _scan(self, now: int, taken: Taken) -> None:
        taken.gaps += self._register.scan(now)
        self._scanned = now

    def _look(self) -> bool:
        """Note what changed; whether a file is no longer at its path."""
        moved = False
        for file in self._active():
            position = file.position
            if position.archive:
                continue
            try:
                if file.fd >= 0:
                    file.look(os.fstat(file.fd))
                if file.fd < 0 or position.path == position.home:
                    about = os.stat(position.path)
                    same = (about.st_dev, about.st_ino) == file.identity
                    moved |= not same and not file.gone
                    if same and file.fd < 0:
                        file.look(about)
            except OSError:
                moved |= not file.gone
        return moved

    def _read_all(self, now: int, budget: int, taken: Taken) -> None:
        """Turn by turn, so that a busy log doesn't keep the others waiting.

        But of one log the older file first.
        """
        homes: dict[str, list[Followed]] = {}
        self._finish(now, taken)
        for file in self._active():
            if file.backlog:
                homes.setdefault(file.position.home, []).append(file)
        queues = deque(homes.values())
        queues.rotate(-self._turn)
        self._turn += 1
        while budget > 0 and queues:
            queue = queues.popleft()
            while queue and not queue[0].backlog:
                queue.pop(0)
            if queue:
                budget -= self._read(queue[0], min(_QUANTUM, budget), taken, now)
                queues.append(queue)
        # Of some there turned out to be nothing more.
        self._finish(now, taken)

    def _finish(self, now: int, taken: Taken) -> None:
        """Take the last line, ended or not, of files that are over."""
        for file in self._active():
            if not file.backlog and self._is_over(file, now):
                self._read(file, _QUANTUM, taken, now, final=True)

    def _is_over(self, file: Followed, now: int) -> bool:
        """Whether it was rotated away and nothing came for a while."""
        if not file.is_rotated:
            file.idle_since = 0
            return False
        if not file.idle_since:
            file.idle_since = now
        return now - file.idle_since >= self._grace

    def _read(
        self, file: Followed, want: int, taken: Taken, now: int, *, final: bool = False
    ) -> int:
        """Take one piece of a file; how many bytes that were."""
        before, skipping = file.position.offset, file.position.skipping
        file.problem = ""
        try:
            if not file.position.archive:
                file.open()
            piece = file.read(want, self._limits, final=final)
        except PackedError:
            self._register.drop(file)
            file.backlog, self._scanned, taken.more = False, None, True
            return 0
        except ReplacedError:
            self._register.replace(file, now)
            self._scanned, taken.more = None, True
            return 0
        except FileNotFoundError:
            file.backlog, self._scanned = False, None
            return 0
        except OSError as error:
            file.problem = (error.strerror or str(error)).lower()
            file.retry_later()
            return 0
        if piece.data:
            own = not (skipping or piece.cut or piece.nuls) and file.is_verbatim
            offset = before + piece.used - len(piece.data) + piece.unended if own else -1
            position = file.position
            taken.blocks.append(TailBlock(position.path, position.file, piece.data, offset))
        taken.cut += piece.cut
        taken.nuls += piece.nuls
        taken.malformed += piece.malformed
        if piece.used:
            file.idle_since = 0
        if final and not file.backlog:
            file.update(done=True)
            file.close()
        elif file.fd >= 0 and self._register.open_files > MOST_OPEN:
            file.close()
        return max(file.position.offset - before, 1)
