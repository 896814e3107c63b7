from __future__ import annotations

import io
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Blueprint, Flask, Response, abort, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tocsin_sdk import security_event
from tocsin_sdk.events import LEVELS
from tocsin_sdk.flask import init_app
from tocsin_sdk.metrics import HOOKS, MAX_SERIES, Metrics
from tocsin_sdk.recorder import current


def make(registry, **options) -> Flask:
    app = Flask("shop")
    init_app(app, registry=registry, **options)

    @app.get("/items/<int:number>")
    def item(number):
        return str(number)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        for word in request.form.getlist("say"):
            security_event(word, user=request.form.get("user"))
        return "x", int(request.form.get("status", 200))

    @app.get("/boom")
    def boom():
        raise RuntimeError("boom")

    @app.get("/forbidden")
    def forbidden():
        security_event("authz_fail", user="mallory", fields={"resource": "ledger"})
        abort(403)

    return app


@pytest.fixture
def app(registry, events) -> Flask:
    return make(registry)


@pytest.fixture
def client(app):
    return app.test_client()


def logins(value):
    return value("login_requests_total"), value("login_failures_total")


def test_everything_is_there_at_zero_before_the_first_request(app, value):
    assert logins(value) == (0, 0)
    assert value("login_latency_seconds_count") == 0
    assert value("login_latency_seconds_bucket", le="0.3") == 0
    assert {value("security_events_total", event=e) for e in LEVELS} == {0}
    assert {value("tocsin_sdk_errors_total", hook=h) for h in HOOKS} == {0}


def test_requests_count_by_route_template(client, value):
    for number in range(5):
        client.get(f"/items/{number}")
    labels = {"method": "GET", "route": "/items/<int:number>"}
    assert value("http_requests_total", **labels, status="200") == 5
    assert value("http_request_duration_seconds_count", **labels) == 5


def test_a_scanner_makes_one_series(client, registry, value):
    for number in range(50):
        client.get(f"/wp-{number}.php")
        client.open("/items/1", method=f"X{number}")
    assert value("http_requests_total", method="GET", route="(unmatched)", status="404") == 50
    assert value("http_requests_total", method="OTHER", route="(unmatched)", status="405") == 50


def test_odd_statuses_and_many_routes_stay_bounded(registry, value):
    metrics = Metrics.on(registry)
    for number in range(MAX_SERIES + 100):
        metrics.request("GET", f"/made/{number}", 200, 0.1)
    metrics.request("GET", "/made/0", 99999, None)
    assert value("http_requests_total", method="OTHER", route="(overflow)", status="200") == 100
    assert value("http_requests_total", method="OTHER", route="(overflow)", status="other") == 1
    assert len(metrics._known) == MAX_SERIES


@pytest.mark.parametrize("propagate", [False, True])
def test_an_unhandled_exception_counts_as_500(app, value, propagate):
    app.config["PROPAGATE_EXCEPTIONS"] = propagate
    client = app.test_client()
    if propagate:
        with pytest.raises(RuntimeError, match="boom"):
            client.get("/boom")
    else:
        assert client.get("/boom").status_code == 500
    assert value("http_requests_total", method="GET", route="/boom", status="500") == 1


@pytest.mark.parametrize(
    ("form", "counts"),
    [
        ({}, (1, 0)),
        ({"status": 401}, (1, 1)),
        ({"status": 403}, (1, 1)),
        ({"status": 400}, (1, 0)),
        ({"say": ["authn_login_fail"]}, (1, 1)),
        ({"say": ["authn_login_fail"], "status": 401}, (1, 1)),
        ({"say": ["authn_login_fail"] * 3, "status": 401}, (1, 1)),
        ({"say": ["authn_login_success"], "status": 403}, (1, 0)),
        ({"say": ["authn_login_success", "authn_login_fail"]}, (1, 1)),
        ({"say": ["authn_login_fail", "authn_login_success"]}, (1, 1)),
    ],
)
def test_a_login_counts_once(client, value, form, counts):
    client.post("/login", data=form)
    assert logins(value) == counts
    assert value("login_latency_seconds_count") == 1


def test_showing_the_form_is_no_attempt(client, value):
    client.get("/login")
    assert logins(value) == (0, 0)


@given(st.lists(st.tuples(
    st.sampled_from([200, 302, 400, 401, 403, 500]),
    st.lists(st.sampled_from(["authn_login_fail", "authn_login_success", "authz_fail"]), max_size=3),
), max_size=8))  # fmt: skip
def test_attempts_equal_requests_whatever_the_application_says(attempts):
    registry = CollectorRegistry()
    client = make(registry).test_client()
    failed = 0
    for status, said in attempts:
        client.post("/login", data={"status": status, "say": said})
        words = {word for word in said if word.startswith("authn")}
        failed += "authn_login_fail" in words or (not words and status in (401, 403))
    assert registry.get_sample_value("login_requests_total") == len(attempts)
    assert registry.get_sample_value("login_failures_total") == failed
    assert registry.get_sample_value("login_latency_seconds_count") == len(attempts)


def test_the_event_line_knows_who_where_and_how_it_ended(registry, events):
    client = make(registry, trusted_proxies=["127.0.0.1"]).test_client()
    client.get(
        "/forbidden", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.5", "X-Request-ID": "req-1"}
    )
    (line,) = events
    line.pop("time")
    assert line == {
        "level": "CRITICAL", "event": "authz_fail", "client": "203.0.113.5", "user": "mallory",
        "method": "GET", "route": "/forbidden", "status": 403, "request_id": "req-1",
        "resource": "ledger",
    }  # fmt: skip


def test_a_failed_login_is_logged_even_where_the_application_is_silent(client, events, value):
    client.post("/login", data={"status": 401}, headers={"X-Request-ID": "forged"})
    (line,) = events
    assert (line["event"], line["client"], line["status"]) == (
        "authn_login_fail", "127.0.0.1", 401,
    )  # fmt: skip
    assert line["request_id"] != "forged"
    assert value("security_events_total", event="authn_login_fail") == 1


def test_the_events_of_a_request_share_its_id(client, events):
    client.post("/login", data={"say": ["authn_login_fail", "authn_login_lock"]})
    client.post("/login", data={"say": ["authn_login_fail"]})
    ids = [line["request_id"] for line in events]
    assert ids[0] == ids[1] != ids[2]


def test_many_events_in_one_request_are_all_written(client, events):
    client.post("/login", data={"say": ["authz_fail"] * 100, "status": 418})
    assert len(events) == 100
    assert {line["status"] for line in events} == {None, 418}


def test_outside_a_request_an_event_counts_at_once(app, events, value):
    security_event("authn_login_fail", user="batch")
    security_event("authn_login_success")
    assert logins(value) == (2, 1)
    assert [line["client"] for line in events] == [None, None]


def test_an_unknown_event_is_an_error_of_ours_not_of_the_application(client, value, caplog):
    assert client.post("/login", data={"say": ["made_up"]}).status_code == 200
    assert value("tocsin_sdk_errors_total", hook="event") == 1
    assert logins(value) == (1, 0)
    assert "unknown security event 'made_up'" in caplog.text


def test_a_login_told_in_a_late_hook_counts_once(registry, events, value):
    app = make(registry)

    @app.teardown_request
    def late(_):
        security_event("authn_login_fail")

    app.test_client().post("/login", data={"status": 401})
    app.test_client().get("/items/1")
    assert logins(value) == (2, 2)
    assert {line["status"] for line in events} == {401, 200}


def test_logins_by_endpoint_and_own_statuses(registry, events, value):
    app = make(registry, logins=["auth.enter"], login_failures=[422], login_methods=["put"])
    auth = Blueprint("auth", __name__, url_prefix="/auth")
    auth.add_url_rule("/enter/", "enter", lambda: ("no", 422), methods=["PUT"])
    app.register_blueprint(auth)
    app.test_client().put("/auth/enter/")
    app.test_client().post("/login", data={"status": 401})
    assert logins(value) == (1, 1)


def test_a_login_route_that_does_not_exist_is_said(registry, value, caplog):
    make(registry, logins=["/logon"]).test_client().get("/items/1")
    assert "no route or endpoint is called /logon" in caplog.text
    assert "hint: " in caplog.text
    assert value("tocsin_sdk_errors_total", hook="setup") == 1


def test_several_workers_without_shared_files_are_said_once(client, value, caplog):
    for _ in range(3):
        client.get("/items/1", environ_overrides={"wsgi.multiprocess": True})
    assert caplog.text.count("hint: set PROMETHEUS_MULTIPROC_DIR") == 1
    assert value("tocsin_sdk_errors_total", hook="setup") == 1


def test_metrics_speak_both_formats(client):
    old = client.get("/metrics")
    assert old.content_type.startswith("text/plain; version=0.0.4")
    new = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert new.content_type.startswith("application/openmetrics-text; version=1.0.0")
    for page, parse in ((old, plain), (new, openmetrics)):
        names = {s.name for family in parse(page.text) for s in family.samples}
        assert {"login_failures_total", "login_latency_seconds_bucket"} <= names


def test_metrics_elsewhere_or_nowhere(registry, events):
    assert make(registry, metrics_path="/x").test_client().get("/x").status_code == 200
    assert make(registry, metrics_path=None).test_client().get("/metrics").status_code == 404


def test_an_app_factory_can_run_twice_on_one_registry(registry, events, value):
    for app in (make(registry), make(registry)):
        app.test_client().post("/login")
    assert logins(value) == (2, 0)


def test_one_app_is_set_up_once(app, registry):
    with pytest.raises(RuntimeError, match="hint: "):
        init_app(app, registry=registry)


def test_a_string_for_a_list_is_refused(registry):
    with pytest.raises(TypeError, match=r"hint: logins=\['/login'\]"):
        init_app(Flask("x"), registry=registry, logins="/login")


class Broken:
    """Anything at all goes wrong."""

    def __getattr__(self, name):
        raise RuntimeError(name)


def answers(app: Flask) -> list[tuple[int, bytes, list[tuple[str, str]]]]:
    client = app.test_client()
    asked = [
        client.get("/items/3"), client.get("/none"), client.get("/boom"), client.get("/forbidden"),
        client.post("/login", data={"status": 401, "say": ["authn_login_fail", "made_up"]}),
        client.options("/login"), client.head("/items/3"),
    ]  # fmt: skip
    return [(r.status_code, r.data, list(r.headers)) for r in asked]


@pytest.mark.parametrize("part", ["clock", "metrics", "describe", "all"])
def test_a_failing_hook_never_changes_a_response(registry, events, value, part):
    bare = answers(make(CollectorRegistry()))
    app = make(registry)
    hooks = app.extensions["tocsin"]
    if part in ("clock", "all"):
        hooks._clock = lambda: 1 / 0
    if part in ("describe", "all"):
        hooks._describe = lambda _call: 1 / 0
    if part in ("metrics", "all"):
        hooks.recorder.metrics = Broken()
    assert answers(app) == bare
    assert sum(value("tocsin_sdk_errors_total", hook=h) for h in HOOKS) >= 2


def test_a_metrics_page_that_fails_looks_failed(registry, events):
    class Bad:
        def collect(self):
            raise RuntimeError("collector")

    app = make(registry)
    registry._collector_to_names[Bad()] = []
    assert app.test_client().get("/metrics").status_code == 500


def test_a_log_that_fails_or_logs_again_is_survived(registry, value):
    log = logging.getLogger("tocsin_sdk.events")
    before = log.handlers[:], log.propagate

    class Again(logging.Handler):
        def emit(self, record):
            security_event("sys_monitor_disabled")
            raise OSError("full")

    log.handlers[:], log.propagate = [Again()], False
    try:
        client = make(registry).test_client()
        assert client.post("/login", data={"status": 401}).status_code == 401
    finally:
        log.handlers[:], log.propagate = before
    assert value("security_events_total", event="sys_monitor_disabled") == 1
    assert value("tocsin_sdk_errors_total", hook="log") == 1


def test_the_default_log_is_json_on_stderr_and_a_closed_stderr_is_counted(registry, value, capsys):
    log = logging.getLogger("tocsin_sdk.events")
    before, real = (log.handlers[:], log.propagate, log.level), sys.stderr
    log.handlers[:] = []
    try:
        client = make(registry).test_client()
        client.post("/login", data={"status": 401})
        assert capsys.readouterr().err.count('"event":"authn_login_fail"') == 1
        sys.stderr = io.StringIO()
        sys.stderr.close()
        assert client.post("/login", data={"status": 401}).status_code == 401
    finally:
        sys.stderr = real
        log.handlers[:], log.propagate = before[:2]
        log.setLevel(before[2])
    assert value("tocsin_sdk_errors_total", hook="log") == 1


def test_the_last_word_on_the_status_is_counted(registry, events, value):
    app = make(registry)

    @app.after_request
    def rewrite(response: Response) -> Response:
        response.status_code = 418
        return response

    app.test_client().get("/items/1")
    labels = {"method": "GET", "route": "/items/<int:number>"}
    assert value("http_requests_total", **labels, status="418") == 1


def test_a_hook_of_the_application_that_fails_still_counts(registry, events, value):
    app = make(registry)

    @app.after_request
    def fails(_):
        raise RuntimeError("not ours")

    assert app.test_client().get("/items/1").status_code == 500
    labels = {"method": "GET", "route": "/items/<int:number>"}
    assert value("http_requests_total", **labels, status="500") == 1


def test_a_request_within_a_request_keeps_them_apart(registry, events, value):
    app = make(registry)

    @app.get("/outer")
    def outer():
        inner = app.test_client().post("/login", data={"status": 401})
        security_event("authz_fail", user="outer")
        return str(inner.status_code)

    assert app.test_client().get("/outer").text == "401"
    assert [(line["event"], line["route"]) for line in events] == [
        ("authn_login_fail", "/login"),
        ("authz_fail", "/outer"),
    ]
    assert logins(value) == (1, 1)


def test_a_request_torn_down_elsewhere_leaves_no_chain(app, value):
    for _ in range(3):
        context = app.test_request_context("/items/1")
        context.push()
        app.full_dispatch_request()
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(app.extensions["tocsin"].teardown, None).result()
        call = current.get()
        assert call.outer is None
        assert call.done
        # What the server forgot: the hook does not run here, as if the context went elsewhere.
        app.teardown_request_funcs[None].remove(app.extensions["tocsin"].teardown)
        context.pop()
        app.teardown_request_funcs[None].append(app.extensions["tocsin"].teardown)
    current.set(None)
    labels = {"method": "GET", "route": "/items/<int:number>"}
    assert value("http_requests_total", **labels, status="200") == 3


class Unprintable:
    def __str__(self):
        raise RuntimeError("no text")


things = st.none() | st.text(max_size=5) | st.integers() | st.floats() | st.just(Unprintable()) | (
    st.lists(st.integers(), max_size=2)
)  # fmt: skip


@given(
    event=st.sampled_from(["authz_fail", "authn_login_fail", "made_up"]) | things,
    user=things,
    description=things,
    level=things,
    fields=st.dictionaries(st.text(max_size=3) | st.integers(), things, max_size=3) | things,
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_argument_makes_an_event_raise(app, capsys, event, user, description, level, fields):
    with app.test_request_context("/items/1"):
        app.preprocess_request()
        security_event(event, user=user, description=description, level=level, fields=fields)
        response = app.process_response(Response("ok"))
        assert response.status_code == 200
    security_event(event, user=user, description=description, level=level, fields=fields)


def test_threads_lose_nothing(app, value, events):
    def attack(number):
        client = app.test_client()
        for _ in range(50):
            client.post("/login", data={"status": 401, "user": str(number)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attack, range(8)))
    assert logins(value) == (400, 400)
    assert len(events) == 400
    assert len({line["request_id"] for line in events}) == 400
