"""What is remembered of sshd's processes survives a restart, in small pieces."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import EventReader, Sessions
from tocsin.logformat import make_format

MESSAGES = [
    "Connection from 192.0.2.1 port 9 on 10.0.0.1 port 22",
    "Failed password for invalid user x from 192.0.2.1 port 9 ssh2",
    "Accepted password for x from 192.0.2.1 port 9 ssh2",
    "User x not allowed because account is locked",
    "Connection closed by 192.0.2.1 port 9 [preauth]",
    "Too many authentication failures [preauth]",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=y",
    "Disconnecting: Too many authentication failures [preauth]",
]


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(MESSAGES)), max_size=40),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_pieces_are_the_whole(said, restarts):
    whole, parts, snapshot, changes = Sessions(), Sessions(), Sessions().state(), []
    for place, (process, message) in enumerate(said):
        if place in restarts:
            parts = Sessions()
            parts.restore(snapshot)
            for each in changes:
                parts.restore(each)
            assert parts.state() == whole.state()
        if place % 7 == 0:
            snapshot, changes = whole.state(), []
        assert parts.see(str(process), message) == whole.see(str(process), message)
        changes.append(parts.changes())


def test_what_came_with_its_time_is_an_event():
    reader = EventReader(make_format("json"))
    event = reader.read(b'{"remote_addr":"192.0.2.1","a":{"b":1}}', "", 7)
    assert (event.time, event.fields["client"], event.fields["a.b"]) == (7, "192.0.2.1", 1)
    assert reader.read(b"plain words", "", 8).fields["message"] == "plain words"
    assert reader.read(b'{"time":"2024-01-01T00:00:00Z"}', "", 9).time == 9
