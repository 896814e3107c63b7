"""Amazon SNS: a double of it on loopback, and servers that answer as it does when it will not."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.notify.telling import START, FakeTime, a_notification, an_alert
from tests.remote.serving import serve_raw

from tocsin.alarms import MetricAlarm, Place, Transition, sns_message, sns_subject
from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify import Dispatcher, SnsNotifier, SnsReceiver
from tocsin.notify._sns import publish_request

moto = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:alarms"


@pytest.fixture(scope="module")
def endpoint():
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def client(service, endpoint):
    return boto3.client(service, region_name=REGION, endpoint_url=endpoint)


@pytest.fixture
def topic(endpoint, request):
    """A topic, and what a queue subscribed to it has got."""
    sns, sqs = client("sns", endpoint), client("sqs", endpoint)
    fifo = getattr(request, "param", "") == "fifo"
    suffix, more = (".fifo", {"FifoTopic": "true"}) if fifo else ("", {})
    name = re.sub(r"\W", "-", request.node.name)
    arn = sns.create_topic(Name=f"{name}{suffix}", Attributes=more)["TopicArn"]
    queue = {"FifoQueue": "true"} if fifo else {}
    url = sqs.create_queue(QueueName=f"{name}{suffix}", Attributes=queue)["QueueUrl"]
    at = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=at["QueueArn"])

    def got():
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10}
        return [
            json.loads(each["Body"]) for each in sqs.receive_message(**asked).get("Messages", [])
        ]

    return arn, got


def told(notification, arn, endpoint):
    notifier = SnsNotifier(SnsReceiver("t", arn, REGION, endpoint, 20 * SECOND))
    return asyncio.run(notifier.send(notification))


def alarm_notification(name="logins"):
    alarm = MetricAlarm(
        alarm_name=name, namespace="Web", metric_name="Failures", statistic="Sum", period=60,
        evaluation_periods=1, threshold=5.0, comparison_operator="GreaterThanThreshold",
    )  # fmt: skip
    change = Transition(name, START, "OK", "ALARM", "Threshold Crossed", "", (TOPIC,))
    place = Place("123456789012", REGION)
    message = sns_message(alarm, change, place)
    alert = an_alert(name)
    made = type(alert)(
        alert.labels, alert.annotations, "firing", START, START, 0, None, "", message
    )  # fmt: skip
    return a_notification("k-alarm", made), message, sns_subject(change, place)


def test_an_alarm_is_told_as_cloudwatch_tells_it(topic, endpoint):
    arn, got = topic
    notification, message, subject = alarm_notification()
    assert told(notification, arn, endpoint) == Sent()
    (envelope,) = got()
    assert json.loads(envelope["Message"]) == message
    assert envelope["Subject"] == subject == 'ALARM: "logins" in EU (Ireland)'
    assert envelope["MessageAttributes"]["IdempotencyKey"]["Value"] == "k-alarm"


def test_an_alert_of_a_rule_has_the_same_members(topic, endpoint):
    arn, got = topic
    assert told(a_notification("k1", an_alert(user="ä")), arn, endpoint) == Sent()
    (envelope,) = got()
    body = json.loads(envelope["Message"])
    assert (body["AlarmName"], body["NewStateValue"]) == ("HighFailures", "ALARM")
    assert body["Alerts"][0]["Labels"]["user"] == "ä"


@pytest.mark.parametrize("topic", ["fifo"], indirect=True)
def test_a_fifo_topic_takes_a_message_once(topic, endpoint):
    arn, got = topic
    for _ in range(2):
        assert told(a_notification("k1"), arn, endpoint) == Sent()
    assert len(got()) == 1


def test_no_such_topic_is_refused(endpoint):
    answer = told(a_notification(), TOPIC + "-none", endpoint)
    assert isinstance(answer, Refused)
    assert "NotFound" in answer.why


def fault(status, code):
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message>"
        f"</Error><RequestId>1</RequestId></ErrorResponse>"
    ).encode()
    return answer_of(status, body)


def answer_of(status, body):
    head = f"HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


TAKEN = answer_of(200, b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")  # fmt: skip


def serving(answers, seen):
    """Each request gets the next answer; None: none at all."""
    left = list(answers)

    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        seen.append((await reader.readexactly(length)).decode())
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)

    return serve_raw(handle)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fault(400, "Throttling"), Retry), (fault(429, "Throttled"), Retry), (fault(400, "KMSThrottlingException"), Retry),
        (fault(500, "InternalError"), Retry), (fault(503, "ServiceUnavailable"), Retry), (fault(403, "ExpiredToken"), Retry),
        (fault(403, "AuthorizationError"), Refused), (fault(400, "InvalidParameter"), Refused), (TAKEN, Sent),
        (answer_of(502, b"<html>"), Retry), (None, Retry),
    ],
)  # fmt: skip
def test_what_sns_says_decides_and_is_asked_once(answer, kind):
    async def run():
        seen = []
        async with serving([answer], seen) as url:
            allowed = SECOND if answer is None else 10 * SECOND
            notifier = SnsNotifier(SnsReceiver("t", TOPIC, REGION, url, allowed))
            return await notifier.send(a_notification()), seen

    delivery, seen = asyncio.run(run())
    assert isinstance(delivery, kind), delivery
    # Where there is no answer the time can be over before the request is sent.
    assert len(seen) == 1 or (answer is None and not seen)


def test_throttled_messages_arrive_in_the_end_under_one_key():
    async def run():
        time, attempts, seen = FakeTime(), [], []
        async with serving([fault(400, "Throttling"), fault(429, "Throttled"), TAKEN], seen) as url:
            dispatcher = Dispatcher(
                SnsNotifier(SnsReceiver("t", TOPIC, REGION, url, 10 * SECOND)), attempts.append,
                clock=time.clock, random=lambda: 1.0, sleep=no_wait,
            )  # fmt: skip
            dispatcher.put(a_notification("one"))
            await dispatcher.drained()
        return attempts, seen

    attempts, seen = asyncio.run(run())
    assert [type(each.delivery) for each in attempts] == [Retry, Retry, Sent]
    assert len(seen) == 3
    assert all("IdempotencyKey" in each and "StringValue=one" in each for each in seen)


async def no_wait(_):
    await asyncio.sleep(0)


def test_no_credentials_are_worth_another_try(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    answer = told(a_notification(), TOPIC, "http://127.0.0.1:9")
    assert isinstance(answer, Retry)
    assert "NoCredentialsError" in answer.why


@given(st.text(), st.text(max_size=300), st.integers(1, 40))
def test_whatever_the_text_sns_would_take_it(name, user, alerts):
    notification = a_notification(
        "k", *(an_alert(name, user=user, n=str(at)) for at in range(alerts))
    )
    request = publish_request(notification, TOPIC)
    assert re.fullmatch(r"[!-~][ -~]{0,99}", request["Subject"])
    assert json.loads(request["Message"])["Alerts"][0]["Labels"]["user"] == user
    alarm, message, _ = alarm_notification(name)
    request = publish_request(alarm, TOPIC)
    assert re.fullmatch(r"[!-~][ -~]{0,99}", request["Subject"])
    assert json.loads(request["Message"])["AlarmName"] == message["AlarmName"]


def test_a_storm_fits_a_message():
    many = [an_alert(user="ü" * 400, n=str(at)) for at in range(10_000)]
    message = publish_request(a_notification("k", *many), TOPIC)["Message"]
    body = json.loads(message)
    assert 100_000 < len(message.encode()) < 256 * 1024
    assert len(body["Alerts"]) + body["TruncatedAlerts"] == 10_000
    long = an_alert()
    long.annotations["description"] = "ü" * 500_000
    body = json.loads(publish_request(a_notification("k", long), TOPIC)["Message"])
    assert len(body["NewStateReason"]) == 1000
