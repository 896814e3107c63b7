"""People, told by e-mail."""

from __future__ import annotations

import html
import smtplib
import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify._messages import alert_facts, headline, listed
from tocsin.notify._threads import Threads
from tocsin.printable import printable

if TYPE_CHECKING:
    from tocsin.alerting import Delivery, Notification
    from tocsin.notify._receivers import EmailReceiver

__all__ = ["EmailNotifier", "email_message"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PERMANENT = 500
_ANSWERS = 6
"""What the server answers to, each within the timeout, before a message is taken."""


class EmailNotifier:
    """Hands each message to a mail server."""

    def __init__(self, receiver: EmailReceiver) -> None:
        self.receiver = receiver
        self._threads = Threads()

    async def send(self, notification: Notification) -> Delivery:
        message = email_message(notification, self.receiver.sender, self.receiver.to)
        try:
            allowed = _ANSWERS * self.receiver.timeout
            await self._threads.call(lambda: self._hand_over(message), allowed)
        except smtplib.SMTPResponseException as error:
            why = f"the mail server answered {error.smtp_code}"
            return Refused(why) if error.smtp_code >= _PERMANENT else Retry(why)
        except smtplib.SMTPRecipientsRefused:
            return Refused("the mail server refused every recipient")
        except (smtplib.SMTPException, OSError) as error:
            return Retry(f"{type(error).__name__}: {printable(str(error), 100)}")
        return Sent()

    def _hand_over(self, message: EmailMessage) -> None:
        to = self.receiver
        timeout = to.timeout / SECOND
        if to.tls == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(*to.server, timeout=timeout, context=context)
        else:
            server = smtplib.SMTP(*to.server, timeout=timeout)
        with server:
            if to.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if to.username:
                server.login(to.username, to.password)
            server.send_message(message)


def email_message(notification: Notification, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """Text, and the same as HTML. Its id is that of the notification, so that copies are known."""
    message = EmailMessage()
    message["Subject"] = headline(notification)
    message["From"] = sender
    message["To"] = ", ".join(to)
    created = _EPOCH + timedelta(microseconds=notification.created)
    message["Date"] = format_datetime(created)
    message["Message-ID"] = f"<{notification.key}@tocsin.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    shown, more = listed(notification)
    text, rows = [headline(notification), ""], []
    for alert in shown:
        facts = alert_facts(alert)
        text += [f"{key}: {value}" for key, value in facts] + [""]
        rows += [
            f"<tr><th align=left>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
            for key, value in facts
        ]
        rows.append("<tr><td colspan=2><hr></td></tr>")
    if more:
        text.append(f"and {more} more")
        rows.append(f"<tr><td colspan=2>and {more} more</td></tr>")
    message.set_content("\n".join(text))
    title = html.escape(headline(notification))
    message.add_alternative(
        f"<!doctype html><title>{title}</title><h1>{title}</h1><table>{''.join(rows)}</table>",
        subtype="html",
    )
    return message
