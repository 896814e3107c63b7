"""`tocsin acknowledge`."""

from __future__ import annotations

from typing import Any

import click
import httpx2
import msgspec

from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.cli._query import DEFAULT_URL
from tocsin.custody import run_by
from tocsin.errors import ParseError, SourceError
from tocsin.printable import printable

__all__ = ["acknowledge"]


@click.command()
@click.argument("alert", required=False)
@click.argument("labels", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option("--by", default=run_by, help="Who has seen it; default: your user name.")
@click.option("--comment", default="", help="What you make of it; it stays in the ledger.")
@click.option("--ticket", default="", help="Where more is written.")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Where the daemon is.")
@format_option
def acknowledge(
    alert: str | None, labels: tuple[str, ...], by: str, comment: str, ticket: str, url: str,
    form: str,
) -> int:  # fmt: skip
    """Write down that you have seen ALERT; without it, list what waits for somebody.

    ALERT is the name of an alerting rule, an alarm or a correlation, as the list has it. The word
    is of every firing of it so far that has these labels and that nobody acknowledged. The daemon
    writes it into the ledger, so it is sealed with the day. Nothing is silenced by it.
    """
    if alert is None:
        found = _ask(url, "GET")
        if form == "json":
            write_json(found)
            return ExitCode.OK
        for each in found:
            pairs = (f"{k}={v}" for k, v in each["labels"].items() if k != "alertname")
            told = printable(" ".join([each["alert"], *pairs]), 300)
            click.echo(f"{each['firedAt']}  {told}")
        return ExitCode.OK
    made = {"alert": alert, "labels": _pairs(labels), "by": by, "comment": comment,
            "ticket": ticket}  # fmt: skip
    done = _ask(url, "POST", json=made)
    if form == "json":
        write_json(done)
    else:
        count = done["acknowledged"]
        click.echo(f"acknowledged  {printable(alert, 100)}  {count} firing{'s' * (count != 1)}")
    return ExitCode.OK


def _pairs(labels: tuple[str, ...]) -> dict[str, str]:
    for each in labels:
        if "=" not in each:
            raise ParseError(f"not a label: {printable(each, 60)}", hint="write NAME=VALUE")
    return dict(each.split("=", 1) for each in labels)


def _ask(url: str, method: str, **more: Any) -> Any:
    """Raises SourceError where there is no daemon, or it says no."""
    path = f"{url.rstrip('/')}/api/v1/acknowledgements"
    try:
        answer = httpx2.request(method, path, timeout=10, trust_env=False, **more)
        told = msgspec.json.decode(answer.content)
    except (httpx2.HTTPError, msgspec.DecodeError) as error:
        raise SourceError(
            f"no answer from {url}: {error}", hint="is `tocsin run` running? --url says where"
        ) from None
    if answer.status_code != 200:
        hint = "`tocsin acknowledge` lists what waits, with its labels"
        raise SourceError(
            printable(str(told.get("error", "refused")), 300),
            hint=hint if answer.status_code == 404 else "",
        )
    return told["data"]
