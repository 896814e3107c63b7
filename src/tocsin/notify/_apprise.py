"""Everything that the library Apprise knows: Teams, Telegram, Discord, Matrix, SMS and others.

Each service has a markup of its own, so the text goes as plain text in which every mark that any
of them gives a meaning is broken by a space of no width: nothing is lost, and nothing obeyed.

Source: Apprise, "Development API".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.alerting import Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify._messages import alert_facts, headline, listed
from tocsin.notify._threads import Threads

if TYPE_CHECKING:
    from tocsin.alerting import Delivery, Notification
    from tocsin.notify._receivers import AppriseReceiver

__all__ = ["AppriseNotifier", "apprise_service", "plain_text"]

_MARKS = frozenset("*_~`@#<>[]()&|\\")
_NO_WIDTH = "\u200b"


def apprise_service(url: str) -> Any:
    """The service at an address, or None if Apprise knows none there. Raises ImportError."""
    import apprise  # noqa: PLC0415 - an extra

    asset = apprise.AppriseAsset(
        app_id="Tocsin", app_desc="Tocsin", app_url="", async_mode=False,
        storage_mode="memory", interpret_escapes=False, interpret_emojis=False,
    )  # fmt: skip
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


class AppriseNotifier:
    """Hands each message to Apprise."""

    def __init__(self, receiver: AppriseReceiver) -> None:
        self.receiver = receiver
        self._threads = Threads()

    async def send(self, notification: Notification) -> Delivery:
        allowed = self.receiver.timeout
        try:
            taken = await self._threads.call(lambda: self._notify(notification), allowed)
        except TimeoutError as error:
            return Retry(str(error) or f"no answer within {allowed / SECOND:g} s")
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            # Its text may hold the address, and with it a token.
            return Retry(type(error).__name__)
        # Apprise does not tell a message that is refused from one that is to be sent again.
        return Sent() if taken else Retry("Apprise could not hand it over")

    def _notify(self, notification: Notification) -> bool:
        import apprise  # noqa: PLC0415 - an extra

        service = apprise_service(self.receiver.url)
        # A message that is too long for its service would be refused for ever.
        if service.overflow_mode == apprise.OverflowMode.UPSTREAM:
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
        told = apprise.Apprise()
        told.add(service)
        firing = notification.status == "firing"
        kind = apprise.NotifyType.FAILURE if firing else apprise.NotifyType.SUCCESS
        return bool(
            told.notify(
                title=_plain(headline(notification)), body=plain_text(notification),
                notify_type=kind, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False,
            )
        )  # fmt: skip


def plain_text(notification: Notification) -> str:
    """What people read. The last line is the key, so that copies are known."""
    shown, more = listed(notification)
    lines = []
    for alert in shown:
        lines += [f"{key}: {_plain(value)}" for key, value in alert_facts(alert)] + [""]
    if more:
        lines += [f"and {more} more", ""]
    return "\n".join([*lines, f"key: {notification.key}"])


def _plain(text: str) -> str:
    return "".join(f"{each}{_NO_WIDTH}" if each in _MARKS else each for each in text)
