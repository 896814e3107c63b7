from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_sdk.client import MAX_HOPS, client_address, trusted, vouched

PROXIES = trusted(["10.0.0.0/8", "2001:db8:ffff::/48"])
PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("198.51.100.9", "203.0.113.5", 0, "198.51.100.9"),
        ("198.51.100.9", "203.0.113.5", (), "198.51.100.9"),
        ("198.51.100.9", "203.0.113.5", PROXIES, "198.51.100.9"),
        (PEER, None, PROXIES, PEER),
        (PEER, "", PROXIES, PEER),
        (PEER, "203.0.113.5", PROXIES, "203.0.113.5"),
        (PEER, "1.1.1.1, 203.0.113.5, 10.9.9.9", PROXIES, "203.0.113.5"),
        (PEER, "1.1.1.1,203.0.113.5", PROXIES, "203.0.113.5"),
        (PEER, "10.1.1.1, 10.2.2.2", PROXIES, "10.1.1.1"),
        (PEER, "203.0.113.5, unknown", PROXIES, PEER),
        (PEER, "203.0.113.5,", PROXIES, PEER),
        (PEER, "garbage, 203.0.113.5", PROXIES, "203.0.113.5"),
        (PEER, "203.0.113.5:41000", PROXIES, "203.0.113.5"),
        (PEER, "203.0.113.5:port", PROXIES, PEER),
        (PEER, "[2001:db8::5]:443", PROXIES, "2001:db8::5"),
        (PEER, "[2001:db8::5]", PROXIES, "2001:db8::5"),
        (PEER, "[2001:db8::5]x", PROXIES, PEER),
        (PEER, "[203.0.113.5]", PROXIES, PEER),
        (PEER, "2001:DB8:0::5", PROXIES, "2001:db8::5"),
        (PEER, "fe80::1%eth0", PROXIES, PEER),
        (PEER, "::ffff:203.0.113.5", PROXIES, "203.0.113.5"),
        ("::ffff:10.0.0.1", "203.0.113.5", PROXIES, "203.0.113.5"),
        (PEER, "1.1.1.1, 203.0.113.5", 1, "203.0.113.5"),
        (PEER, "1.1.1.1, 203.0.113.5, 172.16.0.1", 2, "203.0.113.5"),
        (PEER, "203.0.113.5", 2, PEER),
        (PEER, "203.0.113.5, junk", 2, PEER),
        ("", "203.0.113.5", 1, "203.0.113.5"),
        (None, "203.0.113.5", PROXIES, None),
        ("unix:", "203.0.113.5", PROXIES, "unix:"),
    ],
)
def test_who_is_calling(peer, forwarded, proxies, client):
    assert client_address(peer, forwarded, proxies) == client


@given(
    invented=st.text(max_size=80),
    client=st.ip_addresses(v=4).filter(lambda a: a not in PROXIES[0]),
    chain=st.lists(st.ip_addresses(v=4, network="10.0.0.0/8"), max_size=4),
)
def test_what_the_client_writes_on_the_left_never_counts(invented, client, chain):
    honest = ", ".join(map(str, [client, *chain]))
    forged = f"{invented}, {honest}"
    assert client_address(PEER, forged, PROXIES) == str(client)
    assert client_address(PEER, forged, len(chain) + 1) == str(client)


@given(text=st.text(max_size=200), hops=st.integers(0, MAX_HOPS))
def test_any_header_gives_an_address_or_the_peer(text, hops):
    for proxies in (hops, PROXIES):
        client = client_address(PEER, text, proxies)
        assert client is not None
        assert str(ip_address(client)) == client


@given(st.text(max_size=40).filter(lambda t: "," not in t))
def test_a_malformed_last_entry_means_the_peer(entry):
    try:
        ip_address(entry.strip(" \t"))
    except ValueError:
        if ":" not in entry and "[" not in entry:
            assert client_address(PEER, f"203.0.113.5,{entry}", PROXIES) == PEER


def test_a_chain_of_proxies_has_an_end():
    assert client_address(PEER, ",".join(["203.0.113.5"] + ["10.1.1.1"] * 5000), PROXIES) == (
        "10.1.1.1"
    )


@pytest.mark.parametrize("wrong", [-1, MAX_HOPS + 1, True, ["10.0.0.1/8"], ["example"]])
def test_a_wrong_setting_is_refused_with_a_hint(wrong):
    with pytest.raises(ValueError, match="hint: "):
        trusted(wrong)


def test_one_string_is_refused():
    with pytest.raises(TypeError, match="a list of networks"):
        trusted("10.0.0.0/8")


def test_who_vouches():
    assert vouched(PEER, PROXIES)
    assert vouched(None, 1)
    assert not vouched("203.0.113.1", PROXIES)
    assert not vouched(None, PROXIES)
    assert not vouched(PEER, 0)
