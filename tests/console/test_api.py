"""The API as a client sees it."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.console.sample_view import NOW, SampleView

from tocsin.console import create_app
from tocsin.console._guard import host_allowed
from tocsin.durations import MILLISECOND, SECOND
from tocsin.errors import StoreError

NOW_S = NOW // SECOND


@pytest.fixture
def view():
    return SampleView()


@pytest.fixture
def client(view):
    with TestClient(create_app(view), base_url="http://127.0.0.1:9099") as made:
        yield made


def get(client, path, **params):
    answer = client.get(
        f"/api/v1/{path}", params={k.replace("match", "match[]"): v for k, v in params.items()}
    )
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


def data(client, path, **params):
    status, body = get(client, path, **params)
    assert (status, body["status"]) == (200, "success"), body
    return body["data"]


def test_query(client):
    found = data(client, "query", query="requests_total", time=str(NOW_S))
    assert found == {
        "resultType": "vector",
        "result": [
            {
                "metric": {
                    "__name__": "requests_total", "code": "200", "instance": "127.0.0.1:5000", "job": "web",
                },
                "value": [NOW_S, "13"],
            }
        ],
    }  # fmt: skip
    assert data(client, "query", query="1e6")["result"] == [NOW_S, "1000000"]
    assert data(client, "query", query='"x"')["resultType"] == "string"
    assert len(data(client, "query", query="up[20s]")["result"][0]["values"]) == 4
    when = data(client, "query", query="time()", time="2027-01-15T09:00:00.5+01:00")
    assert when["result"] == [NOW_S + 0.5, f"{NOW_S}.5"]


def test_query_range(client):
    found = data(
        client,
        "query_range",
        query="requests_total",
        start=str(NOW_S - 20),
        end=str(NOW_S),
        step="10s",
    )
    assert found["resultType"] == "matrix"
    assert found["result"][0]["values"] == [[NOW_S - 20, "9"], [NOW_S - 10, "11"], [NOW_S, "13"]]
    found = data(client, "query_range", query="1", start="0", end="1", step="0.5")
    assert found["result"] == [{"metric": {}, "values": [[0, "1"], [0.5, "1"], [1, "1"]]}]


def test_a_form_does_as_well(client):
    answer = client.post("/api/v1/query", data={"query": "up", "time": str(NOW_S)})
    assert answer.json()["data"]["result"][0]["value"] == [NOW_S, "1"]
    answer = client.post("/api/v1/series?match[]=up", data={"match[]": "requests_total"})
    assert len(answer.json()["data"]) == 2


def test_series_and_labels(client):
    assert data(client, "series", match="up") == [
        {"__name__": "up", "instance": "127.0.0.1:5000", "job": "web"}
    ]
    assert data(client, "series", match="up", end=str(NOW_S - 3600)) == []
    assert data(client, "labels") == ["__name__", "code", "instance", "job"]
    assert data(client, "labels", match="up") == ["__name__", "instance", "job"]
    assert data(client, "label/job/values") == ["web"]
    assert data(client, "label/nothing/values") == []
    _, body = get(client, "label/__name__/values", limit="2")
    assert body["data"] == ["requests_total", "scrape_duration_seconds"]
    assert body["warnings"] == ["results truncated due to limit"]


def test_rules_and_alerts(client):
    (group,) = data(client, "rules")["groups"]
    assert [rule["type"] for rule in group["rules"]] == ["alerting", "recording"]
    assert group["lastEvaluation"] == "2027-01-15T08:00:00Z"
    (group,) = data(client, "rules", type="record")["groups"]
    assert [rule["name"] for rule in group["rules"]] == ["job:up:sum"]
    (alert,) = data(client, "alerts")["alerts"]
    assert alert["value"] == "1e+00"
    assert alert["activeAt"] == "2027-01-15T08:00:00Z"


def test_alarms_and_log_groups(client):
    burst, both = data(client, "alarms")["alarms"]
    assert (burst["state"], burst["description"]) == ("OK", "many\\x1b[31m")
    assert (both["type"], both["firing"]) == ("composite", True)
    assert data(client, "alarms", name="both")["alarms"] == [both]
    (group,) = data(client, "log_groups")["logGroups"]
    assert group["read"] == group["counted"] + sum(group["dropped"].values())
    assert group["through"] == "2027-01-15T08:00:00Z"


def test_correlations(client):
    brute, error = data(client, "correlations")["correlations"]
    assert (brute["title"], brute["alerts"]) == ("Brute\\x1b[31m force", 2)
    assert brute["firing"] == [{"user": "a\\x1b"}]
    (one,) = brute["offenders"]
    assert (one["events"], one["error"], one["last"]) == (7, 1, "2027-01-15T08:00:00Z")
    assert data(client, "correlations", name="error")["correlations"] == [error]


def test_offenders(client):
    (one,) = data(client, "offenders")["offenders"]
    assert (one["name"], one["events"], one["others"]) == ("192.0.2.1\\x1b", 7, ["a\\x1b"])
    assert (one["first"], one["samples"]) == ("2027-01-15T08:00:00Z", ["a.log@7"])
    assert data(client, "offenders", by="user") == {"by": "user", "offenders": []}
    assert data(client, "offenders", end="2027-01-15T07:00:00Z")["offenders"] == []
    assert client.get("/api/v1/offenders", params={"by": "x"}).status_code == 400


def test_lines_are_taken_over_http(client, view):
    body = b"one\ntwo\n"
    answer = client.post("/api/v1/logs/web", content=body)
    assert answer.json()["data"] == {"read": 2, "counted": 2, "dropped": {}}
    packed = client.post(
        "/api/v1/logs/web", content=gzip.compress(body), headers={"Content-Encoding": "gzip"}
    )
    assert packed.status_code == 200
    assert view.pushed == [body, body]
    bomb = gzip.compress(b"\0" * (17 << 20))
    for content, headers, status in (
        (body, {"Origin": "http://evil.example"}, 403),
        (body, {"Content-Encoding": "br"}, 415),
        (body, {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(body)[:-3], {"Content-Encoding": "gzip"}, 400),
        (bomb, {"Content-Encoding": "gzip"}, 413),
    ):
        answer = client.post("/api/v1/logs/web", content=content, headers=headers)
        assert answer.status_code == status
    assert client.post("/api/v1/logs/other", content=body).status_code == 404
    assert client.get("/api/v1/logs/web").status_code == 405
    assert len(view.pushed) == 2


def test_opentelemetry_records_are_taken_into_the_group_they_name(client, view):
    def post(body, **headers):
        given = {"Content-Type": "application/json", **headers}
        return client.post("/v1/logs", content=json.dumps(body).encode(), headers=given)

    def request(*records, **resource):
        pairs = [{"key": k, "value": {"stringValue": v}} for k, v in resource.items()]
        return {"resourceLogs": [
            {"resource": {"attributes": pairs}, "scopeLogs": [{"logRecords": list(records)}]}
        ]}  # fmt: skip

    record = {"timeUnixNano": "1700000000000000000", "body": {"stringValue": "one\ntwo"}}
    answer = post(request(record, {"body": {"stringValue": "now"}}, **{"service.name": "web"}))
    assert (answer.status_code, answer.json()) == (200, {})
    assert view.pushed == [[(1_700_000_000 * SECOND, b"one\ntwo"), (NOW, b"now")]]
    view.group_views.append(replace(view.group_views[0], name="app"))
    answer = post(request(record, **{"service.name": "unknown"}))
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert post({}, **{"Content-Type": "text/plain"}).status_code == 415
    assert post([1]).status_code == 400
    assert post({}, Origin="http://evil.example").status_code == 403
    assert len(view.pushed) == 1


def test_targets_and_metadata(client):
    up, down = data(client, "targets")["activeTargets"]
    assert (up["health"], up["scrapeInterval"]) == ("up", "5s")
    assert down["lastError"] == "refused\\x1b[31m"
    assert data(client, "targets", state="dropped") == {"activeTargets": [], "droppedTargets": []}
    assert len(data(client, "targets", state="active")["activeTargets"]) == 2
    assert data(client, "metadata", metric="x") == {
        "x": [{"type": "unknown", "help": "", "unit": ""}]
    }
    assert len(data(client, "metadata", limit="1")) == 1


@pytest.mark.parametrize(
    ("path", "params", "status", "kind"),
    [
        ("query", {}, 400, "bad_data"),
        ("query", {"query": "up +"}, 400, "bad_data"),
        ("query", {"query": "(" * 10_000}, 400, "bad_data"),
        ("query", {"query": "nonsense(up)"}, 400, "bad_data"),
        ("query", {"query": "up", "time": "x"}, 400, "bad_data"),
        ("query", {"query": "up", "time": "NaN"}, 400, "bad_data"),
        ("query", {"query": "up", "time": "1e300"}, 400, "bad_data"),
        ("query", {"query": "up", "time": "9999-99-99T00:00:00Z"}, 400, "bad_data"),
        ("query", {"query": "up", "timeout": "x"}, 400, "bad_data"),
        ("query", {"query": "up * on() group_left() {job='web'}"}, 422, "execution"),
        ("query_range", {"query": "up"}, 400, "bad_data"),
        ("query_range", {"query": "up", "start": "2", "end": "1", "step": "1"}, 400, "bad_data"),
        ("query_range", {"query": "up", "start": "0", "end": "1", "step": "0"}, 400, "bad_data"),
        ("query_range", {"query": "up", "start": "0", "end": "1", "step": "-1"}, 400, "bad_data"),
        (
            "query_range",
            {"query": "up", "start": "0", "end": "11001", "step": "1"},
            400,
            "bad_data",
        ),
        (
            "query_range",
            {"query": "up[1m]", "start": "0", "end": "1", "step": "1"},
            400,
            "bad_data",
        ),
        ("query_range", {"query": "'x'", "start": "0", "end": "1", "step": "1"}, 400, "bad_data"),
        ("series", {}, 400, "bad_data"),
        ("series", {"match": "up["}, 400, "bad_data"),
        ("series", {"match": "rate(up[1m])"}, 400, "bad_data"),
        ("series", {"match": "up offset 1m"}, 400, "bad_data"),
        ("series", {"match": '{a=~".*"}'}, 400, "bad_data"),
        ("series", {"match": "up", "start": "x"}, 400, "bad_data"),
        ("labels", {"limit": "-1"}, 400, "bad_data"),
        ("rules", {"type": "x"}, 400, "bad_data"),
        ("targets", {"state": "x"}, 400, "bad_data"),
        ("nothing", {}, 404, "not_found"),
        ("query/", {}, 404, "not_found"),
    ],
)
def test_errors(client, path, params, status, kind):
    found, body = get(client, path, **params)
    assert (found, body["status"], body["errorType"]) == (status, "error", kind)
    assert body["error"]


def test_the_largest_range_is_allowed(client):
    assert data(client, "query_range", query="1", start="0", end="11000", step="1")


def test_health(client, view):
    assert client.get("/healthz").status_code == 200
    assert client.get("/-/healthy").status_code == 200
    for path in ("/readyz", "/-/ready"):
        view.problems = []
        assert client.get(path).status_code == 200
        view.problems = ["state was damaged\x1b", "no target has answered"]
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.text.splitlines()[1:] == ["state was damaged\\x1b", "no target has answered"]
    answer = client.get("/metrics")
    assert answer.text == "tocsin_up 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_other_methods_are_refused(client):
    for method, path in (
        ("PUT", "query"),
        ("DELETE", "series"),
        ("POST", "rules"),
        ("POST", "label/a/values"),
    ):
        assert client.request(method, f"/api/v1/{path}").status_code == 405
    assert client.options("/api/v1/query").status_code == 405
    assert client.head("/api/v1/query?query=1").status_code == 200


def test_browsers_keep_the_answers_to_themselves(client):
    for path in ("/api/v1/query?query=1", "/api/v1/nothing", "/healthz"):
        headers = client.get(path, headers={"Origin": "http://evil.example"}).headers
        assert "access-control-allow-origin" not in headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:9099", True), ("127.0.0.1", True), ("localhost:1", True), ("a.localhost", True),
        ("[::1]:9099", True), ("[::1]", True), ("10.1.2.3:80", True), ("ours.example:9", True),
        ("OURS.example", True), ("evil.example", False), ("", False), ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False), ("evil.example:9099", False), ("localhost:x", False),
    ],
)  # fmt: skip
def test_names_that_are_answered_to(host, allowed):
    assert host_allowed(host, {"ours.example"}) is allowed


def test_another_name_is_refused(client):
    answer = client.get("/api/v1/query?query=1", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "hint:" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_bodies_are_bounded(client):
    assert client.post("/api/v1/query", data={"query": "x" * (1 << 20)}).status_code == 413
    many = "&".join(f"a{n}=1" for n in range(2_000))
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/api/v1/query", content=many, headers=form).status_code == 400
    assert client.post("/api/v1/query", content=b"query=%ff", headers=form).status_code == 400
    json_type = {"content-type": "application/json"}
    assert client.post("/api/v1/query", content=b"{}", headers=json_type).status_code == 415


class Slow(SampleView):
    def __init__(self):
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)

    def query(self, text, time):
        self.entered.release()
        self.gate.wait(20)
        return super().query(text, time)


def test_a_slow_query_times_out_and_blocks_nobody():
    view = Slow()
    with TestClient(
        create_app(view, places=1, timeout=50 * MILLISECOND), base_url="http://127.0.0.1"
    ) as client:
        try:
            status, body = get(client, "query", query="up")
            assert (status, body["errorType"]) == (503, "timeout")
            # Its place is still taken: the next one waits for it in vain, but health answers.
            assert get(client, "query", query="up")[0] == 503
            assert client.get("/healthz").status_code == 200
        finally:
            view.gate.set()


class Broken(SampleView):
    def query(self, text, time):
        raise RuntimeError("secret detail")

    def series(self, selectors, start, end):
        raise StoreError("the disk is gone", hint="look at it")


def test_faults_of_ours_show_no_trace(caplog):
    with TestClient(create_app(Broken()), base_url="http://127.0.0.1") as client:
        status, body = get(client, "query", query="up")
        assert (status, body["errorType"]) == (500, "internal")
        assert "secret" not in body["error"]
        status, body = get(client, "series", match="up")
        assert (status, body["errorType"]) == (503, "unavailable")
    assert "secret detail" in caplog.text


def test_the_reference_names_every_route(view):
    page = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| `/")]
    told = {row[1].strip().strip("`"): set(row[2].replace(",", " ").split()) for row in rows}
    served = {route.path: route.methods - {"HEAD"} for route in create_app(view).routes}
    assert told == served


words = st.one_of(
    st.sampled_from(
        ["up", "1", "-1", "0", "1e9", "5m", "NaN", "Inf", "1e400", "up[5m]", "up offset 1d", '{a="b"}', "rate(up[1m])",
         "up + on() up", "time()", "2027-01-15T08:00:00Z", "1800000000", "4611686018427", "alert", "any", "(", "\x00"]
    ),
    st.text(max_size=12),
)  # fmt: skip
names = st.sampled_from(
    [
        "query",
        "time",
        "start",
        "end",
        "step",
        "timeout",
        "match[]",
        "limit",
        "type",
        "state",
        "metric",
    ]
)
paths = st.sampled_from(
    ["query", "query_range", "series", "labels", "label/job/values", "label/%00/values", "rules", "alerts", "targets",
     "metadata", "status/buildinfo"]
)  # fmt: skip
APP = create_app(SampleView())


@given(st.sampled_from(["GET", "POST"]), paths, st.lists(st.tuples(names, words), max_size=6))
@settings(max_examples=300)
def test_no_request_is_a_fault_of_ours(method, path, pairs):
    client = TestClient(APP, base_url="http://127.0.0.1")
    text = urlencode(pairs, errors="surrogatepass")
    form = {"content-type": "application/x-www-form-urlencoded"}
    if method == "GET":
        answer = client.get(f"/api/v1/{path}?{text}")
    else:
        answer = client.post(f"/api/v1/{path}", content=text, headers=form)
    # The sample view answers at once, so only a timeout that was asked for may be a 503.
    assert answer.status_code < 500 or (answer.status_code == 503 and "timeout" in text), (
        answer.text
    )
    assert answer.json()["status"] in ("success", "error")
