"""Sources of inputs beside the Prometheus API: an Alertmanager, CloudWatch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tocsin.evidence import Answer
from tocsin.remote import (
    Address,
    CloudWatchApi,
    PrometheusApi,
    caller_of,
    cloudwatch_client,
    parse_address,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.evidence import Request

__all__ = ["Elsewhere", "elsewhere_options"]

_LIMIT = 8 << 20
_WHO = {
    "alertmanager": "no Alertmanager was given: --alertmanager URL",
    "cloudwatch": "no region was given: --cloudwatch REGION",
}


def elsewhere_options(command: Callable[..., object]) -> Callable[..., object]:
    for option in (
        click.option("--alertmanager", help="Address of an Alertmanager, for controls with its"
                     " alerts and silences."),
        click.option("--cloudwatch", metavar="REGION", help="Region of CloudWatch, for controls"
                     " with alarms and metrics in AWS; credentials as for the AWS command line."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Whom to ask."""

    alertmanager: Address | None = None
    cloudwatch: CloudWatchApi | None = None

    @classmethod
    def of(
        cls, alertmanager: str | None, region: str | None, clock: Callable[[], int]
    ) -> Elsewhere:
        """Raises ParseError."""
        return cls(
            parse_address(alertmanager) if alertmanager else None,
            CloudWatchApi(cloudwatch_client(region), clock) if region else None,
        )

    @staticmethod
    def meant(request: Request) -> bool:
        """Whether a request is for one of these."""
        return request.path.partition("/")[0] in _WHO

    async def told(self, requests: Iterable[Request]) -> dict[str, dict[str, str]]:
        """Who is asked by `requests`, as far as they tell it themselves."""
        asked = {request.path.partition("/")[0] for request in requests}
        found = {}
        if "alertmanager" in asked and self.alertmanager is not None:
            found["alertmanager"] = {"url": self.alertmanager.url}
        if "cloudwatch" in asked and self.cloudwatch is not None:
            found["cloudwatch"] = await asyncio.to_thread(caller_of, self.cloudwatch.region)
        return found

    async def answers(
        self, requests: Iterable[Request], clock: Callable[[], int]
    ) -> dict[Request, Answer]:
        """What they said, or that nobody was given to ask."""
        found: dict[Request, Answer] = {}
        for request in requests:
            who, _, path = request.path.partition("/")
            if who == "alertmanager" and self.alertmanager is not None:
                async with PrometheusApi(
                    self.alertmanager, clock, body_limit=_LIMIT, root="/api/v2"
                ) as api:
                    found[request] = await api.get(path, request.params)
            elif who == "cloudwatch" and self.cloudwatch is not None:
                found[request] = await asyncio.to_thread(self.cloudwatch.get, path, request.params)
            else:
                now = clock()
                found[request] = Answer(now, now, failure=_WHO[who])
        return found
