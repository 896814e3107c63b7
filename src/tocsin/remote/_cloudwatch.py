"""Asking the CloudWatch API about alarms and metrics; answers as JSON, page by page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.errors import ParseError
from tocsin.evidence import Answer
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["CloudWatchApi", "caller_of", "cloudwatch_client"]

_MOST_PAGES = 200
_KINDS = ["MetricAlarm", "CompositeAlarm"]
_TRANSPORT = frozenset({"ResponseMetadata", "NextToken"})


def cloudwatch_client(region: str, endpoint: str = "") -> Any:
    """A client with the credentials that the AWS command line would use. Raises ParseError."""
    try:
        import boto3  # noqa: PLC0415 - an extra
    except ImportError:
        raise ParseError("CloudWatch needs boto3", hint="pip install 'tocsin[aws]'") from None
    return boto3.client("cloudwatch", region_name=region, endpoint_url=endpoint or None)


def caller_of(region: str) -> dict[str, str]:
    """The region, and as whom it is asked: account and principal, or why AWS does not say."""
    import boto3  # noqa: PLC0415 - an extra; whoever got this far has it
    from botocore.config import Config  # noqa: PLC0415

    once = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
    try:
        found = boto3.client("sts", region_name=region, config=once).get_caller_identity()
        told = {"account": str(found["Account"]), "principal": str(found["Arn"])}
    except Exception as error:  # noqa: BLE001 - no service may take the collector down
        why = printable(f"not told: {type(error).__name__}: {error}", 300)
        told = {"account": why, "principal": why}
    return {"region": region, **told}


class CloudWatchApi:
    """Never raises for what it hears; it reads only."""

    def __init__(self, client: Any, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock

    @property
    def region(self) -> str:
        return str(self._client.meta.region_name)

    def get(self, path: str, params: Iterable[tuple[str, str]]) -> Answer:
        """`alarms`, `history` or `metric`, as the inputs of controls ask for them."""
        started, found = self._clock(), dict(params)
        try:
            if path == "alarms":
                data: object = self._alarms()
            elif path == "history":
                data = self._history(found)
            else:
                data = self._metric(found)
        except Exception as error:  # noqa: BLE001 - no service may take the collector down
            why = printable(f"{type(error).__name__}: {error}", 500)
            return Answer(started, self._clock(), failure=why)
        body = json.dumps({"status": "success", "data": data}, default=_written)
        return Answer(started, self._clock(), 200, body.encode())

    def _alarms(self) -> list[dict[str, Any]]:
        wanted = {"AlarmTypes": _KINDS, "MaxRecords": 100}
        return self._pages(self._client.describe_alarms, wanted)

    def _history(self, found: Mapping[str, str]) -> dict[str, Any]:
        start, end = int(found["start"]), int(found["end"])
        wanted = {
            "StartDate": datetime.fromtimestamp(start, UTC),
            "EndDate": datetime.fromtimestamp(self._clock() // 1_000_000, UTC),
            "AlarmTypes": _KINDS,
            "MaxRecords": 100,
        }
        pages = self._pages(self._client.describe_alarm_history, wanted)
        return {"start": start, "end": end, "pages": pages}

    def _metric(self, found: Mapping[str, str]) -> list[dict[str, Any]]:
        dimensions = [
            {"Name": name.removeprefix("dimension "), "Value": value}
            for name, value in found.items()
            if name.startswith("dimension ")
        ]
        metric = {
            "Namespace": found["namespace"], "MetricName": found["metric"],
            "Dimensions": dimensions,
        }  # fmt: skip
        query = {
            "Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": found["stat"]},
        }  # fmt: skip
        wanted = {
            "MetricDataQueries": [query],
            "StartTime": datetime.fromtimestamp(int(found["start"]), UTC),
            "EndTime": datetime.fromtimestamp(int(found["end"]), UTC),
            "ScanBy": "TimestampAscending",
        }
        return self._pages(self._client.get_metric_data, wanted)

    def _pages(self, ask: Callable[..., dict[str, Any]], wanted: dict[str, Any]) -> list[Any]:
        """Every page, without what the transport added. Raises ValueError for too many."""
        pages: list[Any] = []
        more: dict[str, str] = {}
        while len(pages) < _MOST_PAGES:
            page = ask(**wanted, **more)
            token = page.get("NextToken")
            pages.append({name: v for name, v in page.items() if name not in _TRANSPORT})
            if not token:
                return pages
            more = {"NextToken": token}
        raise ValueError(f"more than {_MOST_PAGES} pages")


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
