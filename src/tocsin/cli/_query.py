"""`tocsin query`: ask a running daemon, or any Prometheus."""

from __future__ import annotations

import click
import httpx2
import msgspec

from tocsin.cli._output import format_option, write_json
from tocsin.errors import ParseError, SourceError
from tocsin.labels import Labels

__all__ = ["query"]

DEFAULT_URL = "http://127.0.0.1:9464"


@click.command()
@click.argument("expr")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Where the API is.")
@click.option("--time", "time_", help="Evaluation time, RFC 3339 or Unix seconds; default now.")
@click.option("--start", help="With --end and --step: a range query.")
@click.option("--end")
@click.option("--step", default="15s", show_default=True)
@format_option
def query(
    expr: str, url: str, time_: str | None, start: str | None, end: str | None, step: str, form: str
) -> None:
    """Evaluate a PromQL query."""
    params = {"query": expr}
    path = "query"
    if start or end:
        path, params = (
            "query_range",
            {**params, "start": start or "", "end": end or "", "step": step},
        )
    elif time_:
        params["time"] = time_
    try:
        response = httpx2.get(
            f"{url.rstrip('/')}/api/v1/{path}", params=params, timeout=60, trust_env=False
        )
        answer = msgspec.json.decode(response.content)
    except (httpx2.HTTPError, msgspec.DecodeError) as error:
        raise SourceError(
            f"no answer from {url}: {error}", hint="is `tocsin run` running? --url says where"
        ) from None
    if answer.get("status") != "success":
        raise ParseError(str(answer.get("error", "the query failed")))
    if form == "json":
        write_json(answer["data"])
        return
    _print(answer["data"])


def _print(data: dict[str, object]) -> None:
    kind, result = data["resultType"], data["result"]
    if kind in {"scalar", "string"}:
        click.echo(result[1])  # type: ignore[index]
        return
    for series in result:  # type: ignore[attr-defined]
        labels = Labels(series["metric"])
        if "value" in series:
            click.echo(f"{labels} {series['value'][1]}")
        else:
            click.echo(f"{labels}")
            for time_, value in series["values"]:
                click.echo(f"  {time_} {value}")
