"""A file that gets a JSON line a message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tocsin.alerting import Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify._body import webhook_body
from tocsin.notify._threads import Threads

if TYPE_CHECKING:
    from tocsin.alerting import Delivery, Notification
    from tocsin.notify._receivers import FileReceiver

__all__ = ["FileNotifier"]

_ALLOWED = 30 * SECOND


class FileNotifier:
    """Appends Alertmanager's webhook message, version 4, on a line of its own."""

    def __init__(self, receiver: FileReceiver) -> None:
        self.receiver = receiver
        self._threads = Threads()

    async def send(self, notification: Notification) -> Delivery:
        line = webhook_body(notification) + b"\n"
        try:
            await self._threads.call(lambda: self._append(line), _ALLOWED)
        except TimeoutError:
            return Retry("writing the file hangs")
        except OSError as error:
            return Retry(f"can't write the file: {error.strerror}")
        return Sent()

    def _append(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        file = os.open(self.receiver.path, flags, 0o600)
        try:
            # One write: what others append stands before or after it.
            written = os.write(file, line)
            if written < len(line):
                os.write(file, b"\n")
                raise OSError(0, "the disk took part of the message")
        finally:
            os.close(file)
