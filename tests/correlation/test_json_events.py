"""What a stranger may write into a JSON line takes no field from the rules."""

import pytest

from tocsin.correlation import EventReader
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
