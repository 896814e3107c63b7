"""A log that is written, rotated and compressed while a daemon reads it and is killed."""

from __future__ import annotations

import gzip

from hypothesis import strategies as st

SECOND = 1_000_000


def mishaps(*kinds, until):
    """Which of them happens at which second, and when the log is only looked at."""
    every = ["kill", "kill before commit", "rotate", "compress", "half a line", "poll", *kinds]
    return st.lists(st.tuples(st.integers(0, until), st.sampled_from(every)), max_size=12)


def live(host, begin, written, doings, *, until, pace):
    """Write each text at its second, with what happens meanwhile; returns all that was written.

    `host` has the log in its folder and looks at it every `pace` seconds.
    """
    written, doings, whole = sorted(written), sorted(doings), []
    log, rotated = host.folder / "access.log", 0
    for second in range(0, until, pace):
        now = begin + second * SECOND
        text = ""
        while written and written[0][0] <= second:
            text += written.pop(0)[1]
        whole.append(text)
        while doings and doings[0][0] <= second:
            what = doings.pop(0)[1]
            host.clock.time = now
            if what == "half a line" and text:
                cut = text.rstrip("\n").rfind("\n") + 1 + 7
                _append(log, text[:cut])
                text = text[cut:]
                host.read()
            elif what == "rotate" and log.exists() and not text:
                rotated += 1
                log.rename(host.folder / f"access.log.{rotated}")
            elif what == "compress" and (old := host.folder / f"access.log.{rotated}").exists():
                (host.folder / f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
                old.unlink()
            elif what == "kill":
                host.restart()
            elif what == "reload":
                host.reload()
            elif what == "kill before commit":
                host.logs.groups["web"].reader.read(host.logs._window())
                host.restart()
            else:
                host.read()
        if text:
            _append(log, text)
        host.at(now)
    return "".join(whole)


def _append(log, text):
    with log.open("a") as file:
        file.write(text)
