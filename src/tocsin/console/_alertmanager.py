"""Alertmanager's v2 API over our routes, as far as amtool and dashboards ask for it.

Source: Alertmanager's OpenAPI description of the API, version 2.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

import tocsin
from tocsin.alerting import Silence, SilenceMatcher, fingerprint, matches_all, parse_matchers
from tocsin.console._params import ApiError
from tocsin.errors import ParseError
from tocsin.notify import rfc3339

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tocsin.alerting import NotifiedAlert, Router
    from tocsin.console._view import View
    from tocsin.labels import Matcher

__all__ = ["Alertmanager"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 10_000
"""Silences that are kept."""


class _Posted(msgspec.Struct, rename="camel"):
    matchers: list[SilenceMatcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str = ""


class Alertmanager:
    """Answers from the router of a View. All methods raise ApiError where there are no routes."""

    def __init__(self, view: View) -> None:
        self._view = view

    def _router(self) -> Router:
        found = self._view.router()
        if found is None:
            raise ApiError(404, "not_found", "this Tocsin has no routes, hint: add `route:`")
        return found

    def status(self) -> dict[str, Any]:
        self._router()
        return {
            "cluster": {"status": "disabled", "peers": []},
            "versionInfo": {
                "version": tocsin.__version__, "revision": "", "branch": "", "buildUser": "",
                "buildDate": "", "goVersion": "",
            },
            "config": {"original": ""},
            "uptime": rfc3339(self._view.runtime_info().start_time),
        }  # fmt: skip

    def receivers(self) -> list[dict[str, str]]:
        return [{"name": name} for name in self._router().routing.receivers]

    def silences(self, filters: Sequence[str]) -> list[dict[str, Any]]:
        """Those whose matchers, taken as labels, satisfy the filters."""
        wanted, now = _filters(filters), self._view.now()
        found = [
            each
            for each in self._router().state.silences.values()
            if matches_all(wanted, {m.name: m.value for m in each.matchers})
        ]
        return [_silence(each, now) for each in sorted(found, key=lambda each: -each.starts_at)]

    def silence(self, identity: str) -> dict[str, Any]:
        return _silence(self._find(identity), self._view.now())

    def add(self, body: bytes) -> dict[str, str]:
        """A new silence, or a changed one under a new id, as Alertmanager does it."""
        router, now = self._router(), self._view.now()
        try:
            posted = msgspec.json.decode(body, type=_Posted)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ApiError(400, "bad_data", f"not a silence: {error}") from None
        starts, ends = max(_micros(posted.starts_at), now), _micros(posted.ends_at)
        self._check(posted, starts, ends)
        before = router.state.silences.get(posted.id)
        if posted.id and before is None:
            raise ApiError(404, "not_found", f"no silence {posted.id[:60]!r}")
        if before is None and len(router.state.silences) >= _MOST:
            raise ApiError(429, "too_many", f"there are {_MOST} silences, hint: expire some")
        identity = str(uuid.uuid4())
        if before is not None and before.status(now) == "active":
            starts = before.starts_at
        if before is not None and before.matchers == tuple(posted.matchers):
            identity = before.id
        elif before is not None:
            self._view.set_silence(msgspec.structs.replace(before, ends_at=now, updated_at=now))
        silence = Silence(
            identity, tuple(posted.matchers), starts, ends, posted.created_by, posted.comment, now
        )
        self._view.set_silence(silence)
        return {"silenceID": identity}

    @staticmethod
    def _check(posted: _Posted, starts: int, ends: int) -> None:
        if ends <= starts:
            raise ApiError(400, "bad_data", "the silence ends before it begins, or is over")
        if not posted.created_by or not posted.comment:
            raise ApiError(400, "bad_data", "a silence needs createdBy and comment")
        try:
            matchers = [each.matcher for each in posted.matchers]
        except ParseError as error:
            raise ApiError(400, "bad_data", str(error)) from None
        if not matchers or all(each.matches_empty for each in matchers):
            raise ApiError(400, "bad_data", "a silence needs a matcher that does not match all")

    def expire(self, identity: str) -> None:
        silence, now = self._find(identity), self._view.now()
        if silence.status(now) == "expired":
            raise ApiError(400, "bad_data", f"silence {identity} is expired already")
        starts = min(silence.starts_at, now)
        self._view.set_silence(
            msgspec.structs.replace(silence, starts_at=starts, ends_at=now, updated_at=now)
        )

    def alerts(self, filters: Sequence[str], without: Collection[str] = ()) -> list[dict[str, Any]]:
        """Each firing alert once, with the receivers it goes to.

        `without`: of `active`, `silenced`, `inhibited`, those not to be shown.
        """
        router, wanted = self._router(), _filters(filters)
        found: dict[str, tuple[NotifiedAlert, list[str]]] = {}
        for receiver, alerts in self._groups(router):
            for name, alert in alerts.items():
                if alert.status == "firing" and matches_all(wanted, alert.labels):
                    found.setdefault(name, (alert, []))[1].append(receiver)
        shown = (self._alert(router, alert, names) for alert, names in found.values())
        return [each for each in shown if not _kinds(each["status"]) & set(without)]

    def groups(self) -> list[dict[str, Any]]:
        router = self._router()
        routes = list(router.routing.root.walk())
        return [
            {
                "labels": group.labels,
                "receiver": {"name": routes[group.route].receiver},
                "alerts": [
                    self._alert(router, each, [routes[group.route].receiver])
                    for each in group.alerts.values()
                    if each.status == "firing"
                ],
            }
            for group in router.state.groups.values()
        ]

    def _groups(self, router: Router) -> Iterable[tuple[str, Mapping[str, NotifiedAlert]]]:
        routes = list(router.routing.root.walk())
        for group in router.state.groups.values():
            yield routes[group.route].receiver, group.alerts

    def _alert(self, router: Router, alert: NotifiedAlert, names: list[str]) -> dict[str, Any]:
        silenced, inhibited = router.muted_by(alert.labels, self._view.now())
        return {
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": rfc3339(alert.starts_at),
            "endsAt": rfc3339(alert.ends_at),
            "updatedAt": rfc3339(alert.starts_at),
            "generatorURL": alert.generator_url,
            "fingerprint": fingerprint(alert.labels),
            "receivers": [{"name": name} for name in sorted(set(names))],
            "status": {
                "state": "suppressed" if silenced or inhibited else "active",
                "silencedBy": silenced,
                "inhibitedBy": inhibited,
            },
        }

    def _find(self, identity: str) -> Silence:
        found = self._router().state.silences.get(identity)
        if found is None:
            raise ApiError(404, "not_found", f"no silence {identity[:60]!r}")
        return found


def _filters(texts: Sequence[str]) -> list[Matcher]:
    try:
        return [matcher for text in texts for matcher in parse_matchers(text)]
    except ParseError as error:
        raise ApiError(400, "bad_data", str(error)) from None


def _kinds(status: Mapping[str, Any]) -> set[str]:
    found = {"active"} if status["state"] == "active" else set()
    found |= {"silenced"} if status["silencedBy"] else set()
    return found | ({"inhibited"} if status["inhibitedBy"] else set())


def _micros(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _silence(silence: Silence, now: int) -> dict[str, Any]:
    return {
        "id": silence.id,
        "status": {"state": silence.status(now)},
        "matchers": [msgspec.to_builtins(each) for each in silence.matchers],
        "startsAt": rfc3339(silence.starts_at),
        "endsAt": rfc3339(silence.ends_at),
        "updatedAt": rfc3339(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    }
