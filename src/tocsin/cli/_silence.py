"""`tocsin silence`: keep alerts from receivers for a while, and say why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import httpx2
import msgspec

from tocsin.alerting import matchers_text, parse_matchers
from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.cli._query import DEFAULT_URL
from tocsin.custody import run_by
from tocsin.durations import MINUTE, parse_duration
from tocsin.errors import SourceError
from tocsin.labels import Matcher, MatchOp
from tocsin.printable import printable

__all__ = ["silence"]

_url = click.option("--url", default=DEFAULT_URL, show_default=True, help="Where the daemon is.")


@click.group()
def silence() -> None:
    """Silences: who wants to hear nothing of which alerts, for how long, and why.

    Silenced alerts go on being evaluated and recorded; only receivers are not told.
    """


@silence.command()
@click.argument("matchers", nargs=-1, required=True)
@click.option("--for", "duration", required=True, help="How long, such as 2h.")
@click.option("--comment", required=True, help="Why; it stays in the ledger.")
@click.option("--author", default=run_by, help="Who; default: your user name.")
@click.option("--dry-run", is_flag=True, help="Only say which alerts it would keep back now.")
@_url
def add(
    matchers: tuple[str, ...], duration: str, comment: str, author: str, url: str, *, dry_run: bool
) -> int:
    """Silence alerts whose labels satisfy all MATCHERS, such as severity=info."""
    found = [matcher for text in matchers for matcher in parse_matchers(text)]
    length = parse_duration(duration)
    if length < MINUTE:
        raise click.BadParameter("a silence lasts a minute or longer", param_hint="--for")
    alerts = _ask(url, "GET", "alerts", params=[("filter", str(each)) for each in found])
    for each in alerts:
        click.echo(f"keeps back: {printable(each['labels'].get('alertname', ''), 100)}", err=True)
    if dry_run:
        click.echo(f"{len(alerts)} firing alerts would be kept back")
        return ExitCode.OK
    now = datetime.now(UTC)
    made = _ask(
        url,
        "POST",
        "silences",
        json={
            "matchers": [_matcher(each) for each in found],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(microseconds=length)).isoformat(),
            "createdBy": author,
            "comment": comment,
        },
    )
    click.echo(made["silenceID"])
    return ExitCode.OK


@silence.command("list")
@click.option("--expired", is_flag=True, help="Those that are over, too.")
@_url
@format_option
def list_(url: str, form: str, *, expired: bool) -> int:
    """List silences, the newest first."""
    found = [
        each
        for each in _ask(url, "GET", "silences")
        if expired or each["status"]["state"] != "expired"
    ]
    if form == "json":
        write_json(found)
        return ExitCode.OK
    for each in found:
        text = matchers_text([_read(matcher) for matcher in each["matchers"]])
        state, ends = each["status"]["state"], each["endsAt"]
        who, why = printable(each["createdBy"], 60), printable(each["comment"], 200)
        click.echo(f"{each['id']}  {state}, until {ends}  {printable(text)}  {who}: {why}")
    return ExitCode.OK


@silence.command()
@click.argument("identity", metavar="ID")
@_url
def expire(identity: str, url: str) -> int:
    """End a silence now."""
    _ask(url, "DELETE", f"silence/{identity}")
    return ExitCode.OK


def _matcher(matcher: Matcher) -> dict[str, object]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX},
        "isEqual": matcher.op in {MatchOp.EQUAL, MatchOp.REGEX},
    }


def _read(told: dict[str, Any]) -> Matcher:
    equal = told.get("isEqual", True)
    if told["isRegex"]:
        return Matcher(MatchOp.REGEX if equal else MatchOp.NOT_REGEX, told["name"], told["value"])
    return Matcher(MatchOp.EQUAL if equal else MatchOp.NOT_EQUAL, told["name"], told["value"])


def _ask(url: str, method: str, path: str, **more: Any) -> Any:
    """Raises SourceError where there is no daemon, or it says no."""
    try:
        answer = httpx2.request(
            method, f"{url.rstrip('/')}/api/v2/{path}", timeout=10, trust_env=False, **more
        )
        told = msgspec.json.decode(answer.content) if answer.content else None
    except (httpx2.HTTPError, msgspec.DecodeError) as error:
        raise SourceError(
            f"no answer from {url}: {error}", hint="is `tocsin run` running? --url says where"
        ) from None
    if answer.status_code != 200:
        raise SourceError(str(told.get("error", "refused") if isinstance(told, dict) else told))
    return told
