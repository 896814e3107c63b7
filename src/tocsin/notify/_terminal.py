"""Telling whoever watches the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify._body import rfc3339
from tocsin.notify._threads import Threads
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alerting import Delivery, Notification, NotifiedAlert

__all__ = ["TerminalNotifier", "alert_line"]

_RED, _GREEN, _PLAIN = "\x1b[1;31m", "\x1b[32m", "\x1b[0m"
_LINE = 400
_ALLOWED = 30 * SECOND


class TerminalNotifier:
    """Writes a line an alert."""

    def __init__(self, write: Callable[[str], object], *, colour: bool = False) -> None:
        self._write = write
        self._colour = colour
        self._threads = Threads()

    async def send(self, notification: Notification) -> Delivery:
        text = "".join(f"{alert_line(each, colour=self._colour)}\n" for each in notification.alerts)
        try:
            # A terminal that is paused blocks; the daemon must not.
            await self._threads.call(lambda: self._write(text), _ALLOWED)
        except TimeoutError:
            return Retry("the terminal is paused")
        except (OSError, ValueError) as error:
            return Refused(f"the terminal is gone ({type(error).__name__})")
        return Sent()


def alert_line(alert: NotifiedAlert, *, colour: bool = False) -> str:
    """`2026-11-05T12:00:00Z FIRING HighFailures {severity="high"} Summary`, safe to print."""
    firing = alert.status == "firing"
    word = alert.status.upper()
    if colour:
        word = f"{_RED if firing else _GREEN}{word}{_PLAIN}"
    rest = ", ".join(f'{k}="{v}"' for k, v in sorted(alert.labels.items()) if k != "alertname")
    summary = alert.annotations.get("summary") or alert.annotations.get("description", "")
    sources = alert.annotations.get("sources", "") if firing else ""
    told = f"{alert.labels.get('alertname', '')} {{{rest}}} {summary}".rstrip()
    told += f"; by {sources}" if sources else ""
    return (
        f"{rfc3339(alert.starts_at if firing else alert.ends_at)} {word} {printable(told, _LINE)}"
    )
