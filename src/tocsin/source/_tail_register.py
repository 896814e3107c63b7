"""Which files a log group has, and which of them are old acquaintances under a new name."""

from __future__ import annotations

import glob
import itertools
import os
import re
from pathlib import PurePath
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from tocsin.durations import DAY
from tocsin.source._tail_content import Look, open_known, peek
from tocsin.source._tail_file import Followed, PackedError, ReplacedError
from tocsin.source._tail_names import age_key, base_of, is_rotated_from
from tocsin.source._tail_state import TRACE, FilePosition, Gap, TailState, digest

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from tocsin.source._log_files import LogLimits

__all__ = ["MOST_OPEN", "Register"]

MOST_OPEN = 256
_KEPT = DAY
_STEM = re.compile(r"[^.\-_]*")


class _Candidate(NamedTuple):
    path: str
    about: os.stat_result
    matched: bool
    """Whether a pattern names it; otherwise rotation may have put it there."""

    @property
    def identity(self) -> tuple[int, int]:
        return self.about.st_dev, self.about.st_ino


class _Watched(NamedTuple):
    since: int
    size: int
    modified: int


class Register:
    """The files that are followed, and those that were."""

    def __init__(
        self,
        patterns: Sequence[str],
        state: TailState,
        limits: LogLimits,
        grace: int,
        most: int,
    ) -> None:
        self._patterns = patterns
        self._limits = limits
        self._grace = grace
        self._most = most
        self._next = state.next
        self.files = {each.file: Followed(each) for each in state.files}
        self.problems: dict[str, str] = {}
        """What the last scan found in the way, by path."""
        self._watched: dict[tuple[int, int], _Watched] = {}
        self._refused: set[tuple[int, tuple[int, int]]] = set()
        self._state = state
        self._restarted = True

    @property
    def state(self) -> TailState:
        """The same object as long as nothing changed."""
        files = tuple(each.position for each in self.files.values())
        last = self._state
        same = len(files) == len(last.files) and all(map(lambda a, b: a is b, files, last.files))
        if not same or last.next != self._next:
            self._state = TailState(files, self._next)
        return self._state

    @property
    def open_files(self) -> int:
        return sum(each.fd >= 0 for each in self.files.values())

    def lose(self, file: Followed, now: int, why: str) -> None:
        """Its content is no longer where it was; a copy may be somewhere."""
        file.close()
        file.forget()
        file.backlog = False
        file.problem = why
        file.update(missing=max(now, 1))

    def replace(self, file: Followed, now: int) -> None:
        """There is other content by now: it is lost, and that is not it."""
        if file.position.archive:
            self._refused.add((file.position.file, file.identity))
        self.lose(file, now, "truncated or replaced before its end was seen")

    def drop(self, file: Followed) -> None:
        """Forget a file of which nothing was taken, so that it is looked at anew."""
        file.close()
        del self.files[file.position.file]

    def scan(self, now: int) -> list[Gap]:
        """Look at the patterns and the folders anew; tell what is lost for good."""
        self.problems = {}
        known = {each.identity: each for each in self.files.values() if not each.position.missing}
        found = self._expand(known)
        candidates = []
        for identity, (path, about) in found.items():
            file = known.get(identity)
            if file is None or not self._meet(file, path, about, now):
                candidates.append(_Candidate(path, about, matched=True))
        moved = []
        there: dict[int, os.stat_result] = {}
        folders: dict[str, dict[int, str]] = {}
        for identity, file in known.items():
            file.learn_head()
            was = file.position.path
            at = found.get(identity) or self._find(file, folders)
            if at is None:
                file.gone = True
                if file.fd < 0 or not file.is_intact():
                    self.lose(file, now, "removed before its end was seen")
            elif identity not in found and not self._meet(file, *at, now):
                candidates.append(_Candidate(*at, matched=False))
            elif not file.position.missing:
                there[file.position.file] = at[1]
                # It is known by its inode alone: another may have it after a restart.
                unsure = self._restarted and not file.position.head_length
                if unsure or file.was_refilled(at[1]):
                    moved.append(file)
            left = was == file.position.home and (file.position.path != was or file.gone)
            if left:
                file.left = now
            if left or file.position.undecided:
                moved.append(file)
        moved += self._before({each.path for each in candidates}, there, moved)
        moved += [
            each
            for each in self.files.values()
            if each.position.missing and not each.position.done and each not in moved
        ]
        self._restarted = False
        candidates += self._siblings(moved, {each.identity for each in candidates} | set(known))
        waiting = self._place(candidates, now)
        for file in moved:
            # Names that change while they are read hide a file: there is a second look at least.
            again = bool(file.left) and now - file.left < self._grace
            undecided = again or _folder(file.position.home) in waiting
            if file.position.undecided != undecided:
                file.update(undecided=undecided)
            if file.position.file in there:
                file.note(there[file.position.file])
        return self._forget(now, waiting)

    def _before(
        self, fresh: set[str], there: Container[int], moved: list[Followed]
    ) -> list[Followed]:
        """Of each log with a new file at its path, the newest one known.

        Files that came between the two were never at that path while we looked.
        """
        newest: dict[str, Followed] = {}
        for file in self.files.values():
            home = file.position.home
            if home in fresh and file.position.file in there:
                last = newest.get(home)
                if last is None or age_key(file.position.path) > age_key(last.position.path):
                    newest[home] = file
        return [file for file in newest.values() if file not in moved]

    def _expand(
        self, known: dict[tuple[int, int], Followed]
    ) -> dict[tuple[int, int], tuple[str, os.stat_result]]:
        found: dict[tuple[int, int], tuple[str, os.stat_result]] = {}
        paths = (
            path
            for pattern in self._patterns
            for path in (
                glob.iglob(pattern, recursive=True) if glob.has_magic(pattern) else [pattern]
            )
        )
        # A loop of links makes a pattern with ** match without end.
        for path in itertools.islice(paths, 4 * self._most):
            try:
                about = os.stat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.problems[path] = _message(error)
                continue
            if not S_ISREG(about.st_mode):
                if path in self._patterns or not S_ISDIR(about.st_mode):
                    self.problems[path] = "not a file"
                continue
            identity = about.st_dev, about.st_ino
            file = known.get(identity)
            if identity not in found or (file is not None and file.position.path == path):
                found[identity] = path, about
        return found

    def _meet(self, file: Followed, path: str, about: os.stat_result, now: int) -> bool:
        """Whether the file there is still the one we know; it is lost if not."""
        position = file.position
        file.gone = False
        at_home = position.archive or path == position.path == position.home
        if not position.head_length and file.fd < 0 and about.st_size and not at_home:
            # Nothing tells it from another file that was given its inode.
            self.lose(file, now, "removed before its end was seen")
            return False
        if path != position.path:
            file.update(path=path)
        unchanged = (about.st_size, about.st_mtime_ns) == (position.size, position.modified)
        if unchanged and (file.fd >= 0 or position.done):
            return True
        try:
            if position.archive:
                if not unchanged:
                    head = peek(path, file.identity, self._limits).head[: position.head_length]
                    if digest(head) != position.head:
                        raise ReplacedError  # noqa: TRY301 - as for a plain file
                    file.close()
                    file.update(done=False)
                    file.note(about)
                file.backlog = not file.position.done
                return True
            file.open()
            file.verify(os.fstat(file.fd))
        except PackedError:
            self.drop(file)
            return False
        except ReplacedError:
            self.replace(file, now)
            return False
        except FileNotFoundError:
            return True
        except OSError as error:
            self.problems[path] = _message(error)
            return True
        if about.st_size:
            done = position.done and about.st_size <= position.offset
            file.update(done=done)
            file.note(about)
        if file.position.done or self.open_files > MOST_OPEN:
            file.close()
        return True

    def _find(
        self, file: Followed, folders: dict[str, dict[int, str]]
    ) -> tuple[str, os.stat_result] | None:
        """Where the file is by now, if it is in the folder where it was."""
        path = file.position.path
        for _ in range(2):
            try:
                about = os.stat(path)
            except OSError:
                pass
            else:
                if (about.st_dev, about.st_ino) == file.identity:
                    return path, about
            folder = _folder(path)
            if folder not in folders:
                folders[folder] = {inode: each for each, inode in _listed(folder)}
            path = folders[folder].get(file.position.inode, "")
            if not path:
                break
        return None

    def _siblings(self, moved: list[Followed], known: set[tuple[int, int]]) -> Iterator[_Candidate]:
        """Files that were at the path of one that moved, after it, without our seeing them."""
        for file in moved:
            position = file.position
            there = position.head_length and not file.gone and not position.missing
            for path, _ in _listed(_folder(position.home)):
                if not is_rotated_from(path, position.home):
                    continue
                try:
                    about = os.stat(path)
                except OSError:
                    continue
                candidate = _Candidate(path, about, matched=False)
                newer = (
                    age_key(path) > age_key(position.path)
                    if there and position.path != position.home
                    else about.st_mtime_ns >= position.modified
                )
                if newer and S_ISREG(about.st_mode) and candidate.identity not in known:
                    known.add(candidate.identity)
                    yield candidate

    def _place(self, candidates: list[_Candidate], now: int) -> set[str]:
        """Follow what is new; the folders in which something is not decided yet."""
        if not candidates:
            self._watched = {}
            return set()
        waiting = set()
        watched = {}
        relatives: dict[str, list[Followed]] = {}
        for file in self.files.values():
            relatives.setdefault(_stem(file.position.home), []).append(file)
        live = {each.path for each in candidates} | {
            each.position.path for each in self.files.values()
        }
        candidates.sort(key=lambda each: (base_of(each.path), age_key(each.path)))
        for each in candidates:
            seen = self._watched.get(each.identity)
            state = (each.about.st_size, each.about.st_mtime_ns)
            if seen is None or seen[1:] != state:
                seen = _Watched(now, *state)
            settled = now - seen.since >= self._grace
            old = settled or each.about.st_mtime_ns // 1000 + self._grace <= now
            near = relatives.get(_stem(each.path), [])
            decided = _folder(each.path) not in waiting
            try:
                look = peek(each.path, each.identity, self._limits)
                early = look.archive and not old
                owner = None if early else self._owner(each, look, near, decided=decided)
                # That a file was empty is a weak reason to say that this is its content.
                unsure = owner is None or not owner.position.head_length
                wait = early or (unsure and self._may_be_copy(each, look, near, settled=settled))
            except FileNotFoundError:
                # It was renamed just now.
                waiting.add(_folder(each.path))
                continue
            except OSError as error:
                self.problems[each.path] = _message(error)
                continue
            if wait:
                waiting.add(_folder(each.path))
                watched[each.identity] = seen
            elif owner is not None:
                owner.forget()
                owner.update(
                    path=each.path,
                    device=each.about.st_dev,
                    inode=each.about.st_ino,
                    archive=look.archive,
                    head=digest(look.head),
                    head_length=len(look.head),
                    missing=0,
                    done=False,
                )
            elif len(self.files) >= self._most and not self._make_room():
                self.problems[each.path] = f"not followed: there are more than {self._most} files"
            else:
                self._follow(each, look, live)
        self._watched = watched
        return waiting

    def _follow(self, each: _Candidate, look: Look, live: set[str]) -> None:
        base = base_of(each.path)
        self.files[self._next] = Followed(
            FilePosition(
                file=self._next,
                path=each.path,
                home=base if not each.matched or base in live else each.path,
                device=each.about.st_dev,
                inode=each.about.st_ino,
                archive=look.archive,
                head=digest(look.head),
                head_length=len(look.head),
                size=each.about.st_size,
                modified=each.about.st_mtime_ns,
            )
        )
        self._next += 1

    def _owner(
        self, each: _Candidate, look: Look, near: list[Followed], *, decided: bool
    ) -> Followed | None:
        """The missing file whose content is there.

        One that was empty can be the oldest of those that came after it, if all older ones of
        the folder are `decided`.
        """
        for file in sorted(near, key=lambda one: -one.position.head_length):
            position = file.position
            if (
                not position.missing
                or (position.file, each.identity) in self._refused
                or digest(look.head[: position.head_length]) != position.head
            ):
                continue
            if not position.head_length:
                known = decided or each.identity == file.identity
                if known and not position.done and base_of(each.path) == base_of(position.home):
                    return file
                continue
            if look.archive:
                return file
            # A new file under the old name may begin like the one before it.
            same = each.path != position.path or each.about.st_ino == position.inode
            if (same or position.offset >= TRACE) and _holds(each, position):
                return file
        return None

    def _may_be_copy(
        self, each: _Candidate, look: Look, near: list[Followed], *, settled: bool
    ) -> bool:
        """Whether it may be the copy of a file that is about to be truncated or removed.

        Or of one that was removed but is still open. `settled`: it has been so for some time.
        """
        for file in near:
            position = file.position
            if position.missing or (settled and not file.gone):
                continue
            if look.archive:
                # Of an empty file the archive is empty too.
                head = look.head[: position.head_length or None]
                if not position.archive and digest(head) == position.head:
                    return True
            elif (
                not settled
                and look.head
                and position.head_length
                and file.begins_like(each.path, each.identity)
            ):
                return True
        return False

    def _make_room(self) -> bool:
        """Forget the file that is gone the longest."""
        gone = [
            (each.position.missing, number)
            for number, each in self.files.items()
            if each.position.missing and each.position.done
        ]
        if gone:
            del self.files[min(gone)[1]]
        return bool(gone)

    def _forget(self, now: int, waiting: set[str]) -> list[Gap]:
        gaps = []
        for number, file in list(self.files.items()):
            position = file.position
            age = now - position.missing
            if not position.missing or age < (_KEPT if position.done else self._grace):
                continue
            if not position.done:
                if _folder(position.home) in waiting:
                    continue
                left = position.size - position.offset
                why = file.problem or "gone before its end was seen"
                gaps.append(Gap(position.path, why, left if left > 0 else None))
            del self.files[number]
        self._refused = {each for each in self._refused if each[0] in self.files}
        return gaps


def _holds(each: _Candidate, position: FilePosition) -> bool:
    """Whether the file holds what was handed out of the missing one. Raises OSError."""
    if each.about.st_size < position.offset:
        return False
    with os.fdopen(open_known(each.path, each.identity), "rb") as file:
        length = min(TRACE, position.offset)
        file.seek(position.offset - length)
        return digest(file.read(length)) == position.trace


def _listed(folder: str) -> Iterator[tuple[str, int]]:
    """The paths of a folder with their inodes."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield os.path.join(folder, entry.name), entry.inode()  # noqa: PTH118
    except OSError:
        return


def _folder(path: str) -> str:
    return str(PurePath(path).parent)


def _stem(path: str) -> str:
    found = _STEM.match(PurePath(path).name)
    return found[0] if found else ""


def _message(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
