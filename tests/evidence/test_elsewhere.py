"""Evidence from an Alertmanager and from CloudWatch, without moving any alert."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from tests.engine.daemon import wait_for
from tests.referees import alertmanager

from tocsin.cli import cli
from tocsin.control import (
    AlertmanagerAlerts,
    Control,
    Silences,
    State,
    Unanswered,
    judge,
    load_catalogue,
    period_of,
)
from tocsin.evidence import Answer, Reperformer, read_answer, request_of
from tocsin.remote import CloudWatchApi, cloudwatch_client

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto.server")
stub = pytest.importorskip("botocore.stub")

CONTROLS = """
version: "1"
controls:
  - id: elsewhere
    title: Alarms in AWS and alerts in an Alertmanager
    objective: Alarms watch, and nobody silences an alert unseen.
    owner: security
    inputs:
"""
AWS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_EC2_METADATA_DISABLED": "true"}
DATE = (datetime.now(UTC) - timedelta(days=1)).date()
DAY = period_of(DATE, time.time_ns() // 1000)
MIDNIGHT = datetime(DATE.year, DATE.month, DATE.day, tzinfo=UTC)


def controls(*inputs):
    return CONTROLS + "".join(f"      - {each}\n" for each in inputs)


def collect(folder, *words, inputs, code=0, **environment):
    (folder / "controls.yaml").write_text(controls(*inputs))
    (folder / "tocsin.yaml").write_text("evidence: {folder: e, controls: [controls.yaml]}\n")
    config = ("--config", str(folder / "tocsin.yaml"), "--folder", str(folder / "e"))
    done = CliRunner().invoke(
        cli, ["evidence", "collect", *config, "--format", "json", *words], standalone_mode=False,
        env={**AWS, **environment},
    )  # fmt: skip
    assert done.exception is None, done.exception
    assert (done.return_value or 0) == code, done.output
    (told,) = json.loads(done.stdout)
    path = Path(told["file"])
    record = json.loads(path.read_bytes())
    files = {
        str(p.relative_to(path.parent)): p.read_bytes()
        for p in path.parent.rglob("*")
        if p.is_file()
    }
    (again,) = Reperformer(files).records()
    assert again.equal, again
    return record


@contextmanager
def aws():
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(url):
    return boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=url,
                        aws_access_key_id="x", aws_secret_access_key="y")  # fmt: skip


def test_alarms_and_metrics_of_cloudwatch(tmp_path):
    with aws() as url:
        made = client(url)
        common = {"Namespace": "Web", "MetricName": "Failures", "Statistic": "Sum", "Period": 60,
                  "EvaluationPeriods": 1, "Threshold": 5.0,
                  "ComparisonOperator": "GreaterThanThreshold"}  # fmt: skip
        made.put_metric_alarm(AlarmName="burst", **common)
        made.set_alarm_state(AlarmName="burst", StateValue="OK", StateReason="quiet")
        values = [MIDNIGHT + timedelta(minutes=minute) for minute in range(1440)]
        for start in range(0, 1440, 100):
            made.put_metric_data(Namespace="Web", MetricData=[
                {"MetricName": "Failures", "Timestamp": at, "Value": 2.0}
                for at in values[start : start + 100] if at != values[700]
            ])  # fmt: skip
        inputs = (
            "{kind: cloudwatch-alarms, alarms: [burst]}",
            "{kind: cloudwatch-metric, namespace: Web, metric: Failures, stat: Sum, limit: 5, what: failures}",
        )
        words = ("--cloudwatch", "us-east-1", "--day", f"{DATE}")
        asked = {"AWS_ENDPOINT_URL_CLOUDWATCH": url}
        record = collect(tmp_path, *words, inputs=inputs, **asked)
        lacking = [f["text"] for f in record["findings"] if f["input"] == "cloudwatch-metric"]
        assert lacking == ["cloudwatch-metric: nothing 11:40-11:41 UTC"]
        made.put_metric_data(Namespace="Web", MetricData=[
            {"MetricName": "Failures", "Timestamp": values[700], "Value": 9.0}])  # fmt: skip
        made.put_metric_alarm(AlarmName="burst", ActionsEnabled=False, **common)
        made.set_alarm_state(AlarmName="burst", StateValue="OK", StateReason="quiet")
        (tmp_path / "second").mkdir()
        record = collect(tmp_path / "second", *words, inputs=inputs, **asked)
        assert record["state"] == "exception"
        assert "9 failures, above 5, 11:40-11:41 UTC" in record["reasons"]
        assert "alarm burst tells nobody: its actions are switched off" in record["reasons"]
        assert record["inputs"][0]["request"]["endpoint"] == "CloudWatch: DescribeAlarms"


def item(name, minute, kind, data=None, summary="updated"):
    return {"AlarmName": name, "AlarmType": "MetricAlarm", "HistoryItemType": kind,
            "Timestamp": MIDNIGHT + timedelta(minutes=minute), "HistorySummary": summary,
            "HistoryData": json.dumps(data or {})}  # fmt: skip


def state(before, after):
    return {"version": "1.0", "oldState": {"stateValue": before}, "newState": {"stateValue": after}}


def test_the_history_of_alarms_of_cloudwatch():
    """The API's own checks of parameters and shapes, by its client; the server tests lack it."""
    (control,) = load_catalogue(
        controls("{kind: cloudwatch-history}", "{kind: awake}").encode(), "c"
    ).controls
    need = control.needs[0]
    made = client("http://127.0.0.1:1")
    pages = [
        {"AlarmHistoryItems": [item("a", 130, "StateUpdate", state("ALARM", "OK")),
                               item("a", 90, "StateUpdate", state("OK", "ALARM"))], "NextToken": "t"},
        {"AlarmHistoryItems": [item("b", 60, "ConfigurationUpdate", summary="Threshold 5 to 500"),
                               item("b", 1500, "StateUpdate", state("ALARM", "OK")),
                               item("a", 91, "Action")]},
    ]  # fmt: skip
    with stub.Stubber(made) as stubber:
        for page in pages:
            stubber.add_response("describe_alarm_history", page)
        api = CloudWatchApi(made, lambda: time.time_ns() // 1000)
        answer = api.get("history", request_of(need, DAY).params)
        stubber.assert_no_pending_responses()
    assert not answer.failure
    verdict = judge(
        Control("c", 1, "", "", "daily", (need,)), DAY, {need.name: read_answer(need, answer)}
    )
    assert verdict.state is State.EXCEPTION
    assert [f.text for f in verdict.findings] == [
        "alarm b was changed: Threshold 5 to 500",
        "alarm a was in ALARM 01:30-02:10 UTC",
        "alarm b was in ALARM 00:00-24:00 UTC",
    ]


def test_cloudwatch_that_refuses_is_not_run(tmp_path):
    inputs = (
        "{kind: cloudwatch-alarms}",
        "{kind: alertmanager-silences}",
        "{kind: cloudwatch-history}",
    )
    record = collect(
        tmp_path, "--cloudwatch", "us-east-1", "--day", f"{DATE}", inputs=inputs, code=3,
        AWS_ENDPOINT_URL_CLOUDWATCH="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1",
    )  # fmt: skip
    assert record["state"] == "not-run"
    assert any("EndpointConnectionError" in reason for reason in record["reasons"])
    assert any("no Alertmanager was given" in reason for reason in record["reasons"])


def test_a_region_gives_a_client():
    assert cloudwatch_client("eu-central-1").meta.region_name == "eu-central-1"


def alerts_of(url):
    with urlopen(f"{url}/api/v2/alerts", timeout=5) as said:
        return json.load(said)


@pytest.fixture
def asked(tmp_path):
    with alertmanager(tmp_path) as url:
        yield url


def test_alerts_and_silences_of_an_alertmanager(tmp_path, asked):
    url = asked
    inputs = (
        "{kind: alertmanager-alerts}",
        "{kind: alertmanager-silences}",
        "{kind: cloudwatch-alarms}",
    )
    record = collect(tmp_path, "--alertmanager", url, inputs=inputs, code=3)
    assert record["source"]["alertmanager"] == {"url": url}
    met = {f["input"]: f["kind"] for f in record["findings"]}
    assert met == {"alertmanager-alerts": "met", "alertmanager-silences": "met",
                   "cloudwatch-alarms": "unanswered"}  # fmt: skip
    tool = ["amtool", f"--alertmanager.url={url}"]
    subprocess.run([*tool, "alert", "add", "Burst", "job=login"], check=True)
    subprocess.run([*tool, "silence", "add", "alertname=Burst", "--author=mallory", "--comment=noise",
                    "--duration=1h"], check=True, capture_output=True)  # fmt: skip
    folder = tmp_path / "second"
    folder.mkdir()
    wait_for(lambda: alerts_of(url), "the alert is there")
    record = collect(folder, "--alertmanager", url, inputs=inputs, code=3)
    assert record["state"] == "exception"
    assert record["reasons"][0].startswith("alert Burst is firing")
    # A silence made now is of the day once its minute is over.
    today = datetime.now(UTC).date()
    whole = period_of(today, DAY.end + 10 * (DAY.end - DAY.start))
    need = Silences("silences")
    with urlopen(f"{url}/api/v2/silences", timeout=5) as said:
        answer = Answer(whole.end, whole.end, 200, said.read())
    verdict = judge(
        Control("c", 1, "", "", "daily", (need,)), whole, {"silences": read_answer(need, answer)}
    )
    assert verdict.state is State.EXCEPTION
    assert verdict.reasons == ('mallory silenced {alertname="Burst"}: noise',)
    assert (verdict.findings[0].end - verdict.findings[0].start) // 10**6 in range(1, 3601)


@pytest.mark.parametrize(
    "body", [b"", b"[]x", b'{"a":1}', b'[{"labels":{},"startsAt":"x"}]', b"\xff"]
)
def test_what_an_alertmanager_should_not_say_is_no_answer(body):
    for need in (AlertmanagerAlerts("a"), Silences("s")):
        assert isinstance(read_answer(need, Answer(1, 2, 200, body)), Unanswered)
