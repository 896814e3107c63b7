"""OTLP logs over HTTP: both encodings say the same, and bad records are rejected alone."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.source import OtlpRefusedError, decode_otlp_logs

JSON = "application/json; charset=utf-8"
PROTOBUF = "application/x-protobuf"
TIME = 1_714_557_600_123_456_789


def request(*records, resource=None):
    group = {"scopeLogs": [{"scope": {"name": "x"}, "logRecords": list(records)}]}
    if resource is not None:
        group["resource"] = {"attributes": resource}
    return json.dumps({"resourceLogs": [group]}).encode()


def record(body, **more):
    return {"timeUnixNano": str(TIME), "severityText": "INFO", "body": body, **more}


def only(body, **more):
    [found] = decode_otlp_logs(request(record(body, **more)), JSON).records
    return found


def test_a_string_is_the_message_and_the_resource_goes_with_it():
    resource = [{"key": "service.name", "value": {"stringValue": "shop"}}]
    logs = decode_otlp_logs(request(record({"stringValue": "hé\nllo"}), resource=resource), JSON)
    [found] = logs.records
    assert (found.time, found.text) == (TIME // 1000, "hé\nllo")
    assert found.resource == {"service.name": "shop"}
    assert logs.answer(JSON) == b"{}"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"intValue": "42"}, "42"),
        ({"intValue": 42}, "42"),
        ({"boolValue": False}, "false"),
        ({"doubleValue": 1.5}, "1.5"),
        ({"doubleValue": "NaN"}, '"NaN"'),
        ({"bytesValue": "-_8="}, '"+/8="'),
        ({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}]}}, '[1,"a"]'),
        ({"arrayValue": {}}, "[]"),
        (
            {"kvlistValue": {"values": [{"key": "a", "value": {"kvlistValue": {}}}]}},
            '{"a":{}}',
        ),
        ({"kvlistValue": {"values": [{"key": "a"}]}}, '{"a":null}'),
    ],
)
def test_any_other_body_is_its_json(body, text):
    found = only(body).text
    assert found == text or json.dumps(found) == text


def test_without_a_body_the_attributes_are_the_message():
    attributes = [{"key": "event", "value": {"stringValue": "login"}}]
    assert only(None, attributes=attributes).text == '{"event":"login"}'
    assert only({}).text == "{}"


def test_times():
    assert only({"stringValue": ""}, timeUnixNano=TIME).time == TIME // 1000
    observed = only({"stringValue": ""}, timeUnixNano="0", observedTimeUnixNano="5999")
    assert observed.time == 5
    assert only({"stringValue": ""}, timeUnixNano=None).time is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record({"stringValue": 1}), "stringValue"),
        (record({"intValue": "1e3"}), "intValue"),
        (record({"intValue": True}), "intValue"),
        (record({"doubleValue": "x"}), "doubleValue"),
        (record({"bytesValue": "*"}), "bytesValue"),
        (record("plain"), "stringValue"),
        (record({"arrayValue": {"values": 1}}), "arrayValue"),
        (record({"kvlistValue": {"values": [{"key": 1}]}}), "key"),
        (record({"stringValue": ""}, timeUnixNano="-1"), "timeUnixNano"),
        (record({"stringValue": ""}, timeUnixNano="x"), "timeUnixNano"),
        (record({"stringValue": ""}, timeUnixNano=str(1 << 64)), "range"),
        (record(None, attributes={}), "attributes"),
        ("no record", "record"),
    ],
)
def test_a_bad_record_is_rejected_alone(bad, reason):
    good = record({"stringValue": "good"})
    logs = decode_otlp_logs(request(good, bad, good), JSON)
    assert [each.text for each in logs.records] == ["good", "good"]
    answer = json.loads(logs.answer(JSON))["partialSuccess"]
    assert answer["rejectedLogRecords"] == "1"
    assert reason in answer["errorMessage"]


def test_depth_is_bounded():
    body = {"stringValue": "x"}
    for _ in range(100):
        body = {"arrayValue": {"values": [body]}}
    logs = decode_otlp_logs(request(record(body), record({"stringValue": "y"})), JSON)
    assert (len(logs.records), logs.rejected) == (1, 1)
    deep = b'{"resourceLogs":' + b"[" * 100_000
    with pytest.raises(OtlpRefusedError) as refused:
        decode_otlp_logs(deep, JSON)
    assert refused.value.status == 400


def test_a_long_text_is_cut_and_counted():
    logs = decode_otlp_logs(request(record({"stringValue": "x" * 100})), JSON, limit=10)
    assert (logs.records[0].text, logs.cut) == ("x" * 10, 1)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b'{"resourceLogs": 1}', JSON, 400),
        (b"\xff", JSON, 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
    ],
)
def test_a_request_that_is_none_is_refused(body, kind, status):
    with pytest.raises(OtlpRefusedError) as refused:
        decode_otlp_logs(body, kind)
    assert refused.value.status == status


@pytest.mark.parametrize("body", [b"{}", b'{"resourceLogs": null}', b'{"resourceLogs": [{}]}'])
def test_an_empty_request_is_fine(body):
    assert decode_otlp_logs(body, JSON).records == []


@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_a_refusal(body):
    for kind in (JSON, PROTOBUF):
        with contextlib.suppress(OtlpRefusedError):
            decode_otlp_logs(body, kind)


JSON_VALUES = st.recursive(
    st.one_of(
        st.text(max_size=10).map(lambda each: {"stringValue": each}),
        st.booleans().map(lambda each: {"boolValue": each}),
        st.integers(-(1 << 63), (1 << 63) - 1).map(lambda each: {"intValue": str(each)}),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda each: {"doubleValue": each}),
        st.just({}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: {"arrayValue": {"values": each}}),
        st.dictionaries(st.text(max_size=5), inner, max_size=3).map(
            lambda each: {
                "kvlistValue": {"values": [{"key": k, "value": v} for k, v in each.items()]}
            }
        ),
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(JSON_VALUES, st.integers(0, (1 << 64) - 1)), max_size=4))
def test_the_published_schema_is_the_referee(values):
    service = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
    from google.protobuf import json_format  # noqa: PLC0415

    records = [{"timeUnixNano": str(time), "body": body} for body, time in values]
    resource = [{"key": "host.name", "value": {"stringValue": "web1"}}]
    text = request(*records, resource=resource)
    message = json_format.Parse(text, service.ExportLogsServiceRequest())
    packed = decode_otlp_logs(message.SerializeToString(), PROTOBUF)
    assert packed == decode_otlp_logs(text, JSON)
    assert len(packed.records) == len(values)
    packed.rejected, packed.reason = 2, "why"
    response = service.ExportLogsServiceResponse.FromString(packed.answer(PROTOBUF))
    partial = response.partial_success
    assert (partial.rejected_log_records, partial.error_message) == (2, "why")
    assert json_format.Parse(packed.answer(JSON), service.ExportLogsServiceResponse()) == response
