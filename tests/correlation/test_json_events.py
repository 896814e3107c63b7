"""What a stranger may write into a JSON line takes no field from the rules."""

import pytest

from tocsin.correlation import Correlator, EventReader, load_sigma
from tocsin.logformat import make_format

HEAD = b'{"time":"2024-03-01T10:00:00Z","method":"GET","source":{"ip":"192.0.2.1"},"agent":'
MANY = b"{%s}" % b",".join(b'"k%d":1' % n for n in range(600))


@pytest.mark.parametrize("agent", [b'"x"', b'"x\xff"', b"1e999", MANY])
def test_objects_within_objects(agent):
    event = EventReader(make_format("json")).read(HEAD + agent + b"}")
    assert event.fields["source.ip"] == "192.0.2.1"
    assert event.fields["event.dataset"] == "http"
    assert len(event.fields) <= 502


@pytest.mark.parametrize("empty", [b'""', b"[]", b"{}", b"null"])
def test_the_client_that_was_found_stays(empty):
    line = b'{"time":"2024-03-01T10:00:00Z","client":%s,"remote_addr":"192.0.2.1"}' % empty
    event = EventReader(make_format("json")).read(line)
    assert event.fields["client"] == "192.0.2.1"


def read(text):
    return EventReader(make_format("json")).read(text.encode(), "", 7)


def fired(detection, text):
    rule = f"title: t\nlogsource: {{product: application}}\ndetection: {{s: {detection}, condition: s}}"
    return bool(Correlator(load_sigma([("r.yml", rule.encode())])).feed([read(text)]))


def test_a_field_that_is_null_is_there():
    text = '{"a": null, "b": {"c": null}, "d": ""}'
    assert fired("{a: null}", text)
    assert fired("{a|exists: true}", text)
    assert fired("{b.c|exists: true}", text)
    assert not fired("{x|exists: true}", text)
    assert fired("{x: null}", text)
    assert not fired("{a: ''}", text)
    assert not fired("{d: null}", text)
    assert not fired("{a|contains: n}", text)


def test_null_hides_no_other_name_of_a_field():
    event = read(
        '{"source": {"ip": null}, "remote_addr": "192.0.2.1", "method": null, "user": null}'
    )
    assert event.fields["client"] == "192.0.2.1"
    assert fired("{source.ip: 192.0.2.1}", '{"source": {"ip": null}, "remote_addr": "192.0.2.1"}')


def test_nothing_and_lists_as_keys_and_values():
    rule = (
        "title: a\nname: a\nlogsource: {product: application}\ndetection: {s: {k: a}, condition: s}\n---\n"
        "title: t\nname: t\ncorrelation: {type: value_count, rules: [a], group-by: [u], timespan: 1m,"
        " condition: {field: f, gte: 2}}\n"
    )
    correlator = Correlator(load_sigma([("r.yml", rule.encode())]))
    lines = ['"u": null, "f": 1', '"u": [], "f": 2', '"u": ["x"], "f": null', '"u": "x", "f": [1]',
             '"u": "x", "f": "1"', '"u": ["x"], "f": [2]']  # fmt: skip
    alerts = correlator.feed([read(f'{{"k": "a", {each}}}') for each in lines])
    assert [(dict(each.group), each.measure) for each in alerts] == [({"u": "x"}, 2)]
    assert correlator.unkeyed == {"t": 2}
