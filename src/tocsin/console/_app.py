"""The application: routes, and errors as answers."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tocsin.console._acknowledge import acknowledge, waiting_data
from tocsin.console._alertmanager import Alertmanager
from tocsin.console._blocklist import blocklist
from tocsin.console._guard import Guard
from tocsin.console._params import FOREVER, ApiError, Params
from tocsin.console._push import push, push_otlp, read_body, refuse_pages
from tocsin.console._queries import Queries, success
from tocsin.console._status import (
    alarms_data,
    alerts_data,
    build_data,
    correlations_data,
    identity_data,
    log_groups_data,
    metadata_data,
    offenders_data,
    rules_data,
    runtime_data,
    targets_data,
)
from tocsin.durations import MINUTE
from tocsin.errors import ParseError, QueryError, TocsinError
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from starlette.requests import Request

    from tocsin.console._view import View
    from tocsin.correlation import By

    Answer = Callable[[Request], Awaitable[Response]]

__all__ = ["create_app"]

_log = logging.getLogger(__name__)
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_MOST_OFFENDERS = 10_000


def create_app(
    view: View, *, allowed_hosts: Collection[str] = (), places: int = 4, timeout: int = 2 * MINUTE
) -> Starlette:
    """The HTTP API over `view`.

    `allowed_hosts`: names it may be called by besides addresses and localhost. `places`: queries
    that run at a time. `timeout`: microseconds a query may take at most.
    """
    queries = Queries(view, places=places, timeout=timeout)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        queries.close()

    app = Starlette(
        routes=[
            *_query_routes(queries),
            *_status_routes(view),
            *_log_routes(view, allowed_hosts),
            *_acknowledgement_routes(view, allowed_hosts),
            *_alertmanager_routes(Alertmanager(view), allowed_hosts),
            *_health_routes(view),
        ],
        middleware=[Middleware(Guard, hosts=allowed_hosts)],
        exception_handlers={HTTPException: _not_there},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _query_routes(queries: Queries) -> list[Route]:
    async def values(request: Request) -> Response:
        params = await Params.of(request)
        return _json(await queries.label_values(request.path_params["name"], params))

    def reading(answer: Callable[[Params], Awaitable[bytes]]) -> Answer:
        async def endpoint(request: Request) -> Response:
            return _json(await answer(await Params.of(request)))

        return endpoint

    both = ["GET", "POST"]
    return [
        _route("/api/v1/query", reading(queries.query), both),
        _route("/api/v1/query_range", reading(queries.query_range), both),
        _route("/api/v1/series", reading(queries.series), both),
        _route("/api/v1/labels", reading(queries.label_names), both),
        _route("/api/v1/label/{name}/values", values),
        _route("/api/v1/ledger", reading(queries.ledger)),
    ]


def _status_routes(view: View) -> list[Route]:
    def showing(data: Callable[[Params], object]) -> Answer:
        async def endpoint(request: Request) -> Response:
            return _json(success(data(await Params.of(request))))

        return endpoint

    def rules(params: Params) -> object:
        kind = params.choice("type", ["", "alert", "record"], "")
        return rules_data(view.rule_groups(), kind)

    def targets(params: Params) -> object:
        return targets_data(view.targets(), params.choice("state", _STATES, "any"))

    def metadata(params: Params) -> object:
        return metadata_data(view.metadata(params.text("metric") or None, params.limit()))

    return [
        _route("/api/v1/rules", showing(rules)),
        _route("/api/v1/alerts", showing(lambda _: alerts_data(view.alerts()))),
        _route("/api/v1/targets", showing(targets)),
        _route("/api/v1/metadata", showing(metadata)),
        _route("/api/v1/status/buildinfo", showing(lambda _: build_data(view.build_info()))),
        _route("/api/v1/status/tocsin", showing(lambda _: identity_data(view.identity()))),
        _route("/api/v1/status/runtimeinfo", showing(lambda _: runtime_data(view.runtime_info()))),
    ]


def _log_routes(view: View, hosts: Collection[str]) -> list[Route]:
    async def pushed(request: Request) -> Response:
        return _json(success(await push(view, request, hosts)))

    async def pushed_otlp(request: Request) -> Response:
        return await push_otlp(view, request, hosts)

    async def alarms(request: Request) -> Response:
        params = await Params.of(request)
        return _json(success(alarms_data(view.alarms(), params.text("name"))))

    async def correlations(request: Request) -> Response:
        params = await Params.of(request)
        return _json(success(correlations_data(view.correlations(), params.text("name"))))

    async def offenders(request: Request) -> Response:
        params = await Params.of(request)
        asked = params.choice("by", ("address", "user"), "address")
        by: By = "user" if asked == "user" else "address"
        start, end = params.time("start", 0), params.time("end", FOREVER - 1)
        number = min(params.limit() or 20, _MOST_OFFENDERS)
        return _json(success(offenders_data(by, view.offenders(start, end, number, by))))

    async def log_groups(_request: Request) -> Response:
        return _json(success(log_groups_data(view.log_groups())))

    async def blocked(request: Request) -> Response:
        return await blocklist(view, request)

    return [
        _route("/api/v1/blocklist", blocked),
        _route("/api/v1/alarms", alarms),
        _route("/api/v1/correlations", correlations),
        _route("/api/v1/offenders", offenders),
        _route("/api/v1/log_groups", log_groups),
        _route("/api/v1/logs/{name:path}", pushed, ["POST"]),
        _route("/v1/logs", pushed_otlp, ["POST"]),
    ]


def _acknowledgement_routes(view: View, hosts: Collection[str]) -> list[Route]:
    async def acknowledgements(request: Request) -> Response:
        if request.method != "POST":
            return _json(success(await waiting_data(view)))
        return _json(success(await acknowledge(view, request, hosts)))

    return [_route("/api/v1/acknowledgements", acknowledgements, ["GET", "POST"])]


def _alertmanager_routes(api: Alertmanager, hosts: Collection[str]) -> list[Route]:
    def showing(data: Callable[[Request], object]) -> Answer:
        async def endpoint(request: Request) -> Response:
            return _json(msgspec.json.encode(data(request)))

        return endpoint

    async def silences(request: Request) -> Response:
        if request.method != "POST":
            found = api.silences(request.query_params.getlist("filter"))
            return _json(msgspec.json.encode(found))
        refuse_pages(request, hosts)
        return _json(msgspec.json.encode(api.add(await read_body(request, 1 << 20))))

    async def silence(request: Request) -> Response:
        identity = request.path_params["id"]
        if request.method == "GET":
            return _json(msgspec.json.encode(api.silence(identity)))
        refuse_pages(request, hosts)
        api.expire(identity)
        return Response(status_code=200)

    def alerts(request: Request) -> object:
        params = request.query_params
        kinds = ("active", "silenced", "inhibited")
        without = [kind for kind in kinds if params.get(kind, "true") == "false"]
        return api.alerts(params.getlist("filter"), without)

    return [
        _route("/api/v2/status", showing(lambda _: api.status())),
        _route("/api/v2/receivers", showing(lambda _: api.receivers())),
        _route("/api/v2/alerts", showing(alerts)),
        _route("/api/v2/alerts/groups", showing(lambda _: api.groups())),
        _route("/api/v2/silences", silences, ["GET", "POST"]),
        _route("/api/v2/silence/{id}", silence, ["GET", "DELETE"]),
    ]


_STATES = ("active", "dropped", "any")


def _health_routes(view: View) -> list[Route]:
    async def metrics(_request: Request) -> Response:
        return Response(view.metrics_text(), media_type=_METRICS_TYPE)

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("Tocsin is healthy.\n")

    async def ready(_request: Request) -> Response:
        is_ready, reasons = view.ready()
        if is_ready:
            return PlainTextResponse("Tocsin is ready.\n")
        lines = "".join(f"{printable(reason, 1_000)}\n" for reason in reasons)
        return PlainTextResponse(f"Tocsin is not ready:\n{lines}", 503)

    return [
        _route("/metrics", metrics),
        _route("/healthz", healthy),
        _route("/readyz", ready),
        _route("/-/healthy", healthy),
        _route("/-/ready", ready),
    ]


def _route(path: str, answer: Answer, methods: list[str] | None = None) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except ApiError as error:
            return _error(error)
        except (ParseError, QueryError) as error:
            kind = (400, "bad_data") if isinstance(error, ParseError) else (422, "execution")
            return _error(ApiError(*kind, str(error)))
        except TocsinError as error:
            return _error(ApiError(503, "unavailable", str(error)))
        except Exception:  # noqa: BLE001 - nobody outside sees a stack trace
            _log.exception("a request to %s failed", path)
            return _error(ApiError(500, "internal", "internal error, see the log"))

    return Route(path, endpoint, methods=methods or ["GET"])


async def _not_there(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _error(ApiError(404, "not_found", "no such endpoint"))
    return _error(ApiError(status, "bad_data", getattr(error, "detail", "")))


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _error(error: ApiError) -> Response:
    body = {"status": "error", "errorType": error.kind, "error": error.text}
    return Response(msgspec.json.encode(body), error.status, media_type="application/json")
