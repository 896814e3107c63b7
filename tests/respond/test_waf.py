"""IP sets of AWS WAF: what is written, refused, removed and left alone."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.cli import cli
from tocsin.errors import DeliveryError, ParseError
from tocsin.remote import WafSets
from tocsin.respond import Blocks, Safeguards, plan_ip_set, read_ip_set, read_range

pytest.importorskip("boto3")
pytest.importorskip("moto.server")

from tests.respond.test_blocks import HOUR, NOW, OWN, forbidden, steps, walk
from tests.respond.waf import CREDENTIALS, client, clients, held, make, waf


@pytest.fixture(scope="module")
def url():
    with waf() as found:
        yield found


@pytest.fixture
def sets(url, request):
    """A client, and a set of each family."""
    api, name = client(url), re.sub(r"\W", "_", request.node.name)[:60]
    return api, *(read_ip_set(make(api, f"{name}-{n}", n)) for n in (4, 6))


def never(_attempt):
    raise AssertionError("nobody else writes")


def approved(*addresses, now=NOW, blocks=None, **more):
    blocks = blocks or Blocks(Safeguards())
    for each in addresses:
        blocks.apply(blocks.approve(each, now, by="me", **more))
    return blocks


def test_both_families_are_what_the_record_says_and_nothing_is_written_twice(url, sets):
    api, four, six = sets
    waf_sets = WafSets([four, six], clients(url), never)
    blocks = approved("203.0.113.9", "198.51.100.0/24", "2001:db8:2::1")
    done = waf_sets.put(blocks.blocked(NOW), blocks.was_blocked)
    assert [plan.added for _, plan in done] == [
        ("198.51.100.0/24", "203.0.113.9/32"), ("2001:db8:2::/64",),
    ]  # fmt: skip
    assert held(api, four) == ["198.51.100.0/24", "203.0.113.9/32"]
    assert held(api, six) == ["2001:db8:2::/64"]
    token = api.get_ip_set(Name=four.name, Scope=four.scope, Id=four.identity)["LockToken"]
    assert not any(p.changes for _, p in waf_sets.put(blocks.blocked(NOW), blocks.was_blocked))
    # What is over leaves the set.
    waf_sets.put(blocks.blocked(NOW + 2 * HOUR), blocks.was_blocked)
    assert held(api, four) == held(api, six) == []
    assert api.get_ip_set(Name=four.name, Scope=four.scope, Id=four.identity)["LockToken"] != token


def test_ipv6_as_waf_writes_it_is_the_same_range():
    blocks = approved("2001:db8:2::1")
    long = "2001:0db8:0002:0000:0000:0000:0000:0000/64"
    plan = plan_ip_set(6, [long], blocks.blocked(NOW), blocks.was_blocked)
    assert (plan.changes, plan.foreign) == (False, ())


@pytest.mark.parametrize("entry", ["192.0.2.1/32", "203.0.113.9", "nonsense", "0.0.0.0/0"])
def test_a_set_with_foreign_entries_is_left_alone(url, sets, entry):
    api, four, six = sets
    before = api.get_ip_set(Name=six.name, Scope=six.scope, Id=six.identity)
    api.update_ip_set(Name=six.name, Scope=six.scope, Id=six.identity, Addresses=[entry],
                      LockToken=before["LockToken"])  # fmt: skip
    blocks = approved("203.0.113.9", "2001:db8:2::1")
    blocked = blocks.blocked(NOW)
    with pytest.raises(DeliveryError, match="never blocked here"):
        WafSets([four, six], clients(url), never).put(blocked, blocks.was_blocked)
    # Not half of it either: the first set could have been written.
    assert (held(api, four), held(api, six)) == ([], [entry])
    WafSets([four, six], clients(url), never, take_over=True).put(blocked, blocks.was_blocked)
    assert (held(api, four), held(api, six)) == (["203.0.113.9/32"], ["2001:db8:2::/64"])


class Racing:
    """A client whose set somebody else writes before each of the first `times` updates."""

    def __init__(self, api, times, addresses):
        self._api, self._left, self._addresses = api, times, addresses

    def __getattr__(self, name):
        return getattr(self._api, name)

    def update_ip_set(self, **asked):
        if self._left:
            self._left -= 1
            named = {key: asked[key] for key in ("Name", "Scope", "Id")}
            token = self._api.get_ip_set(**named)["LockToken"]
            self._api.update_ip_set(**named, Addresses=self._addresses, LockToken=token)
        return self._api.update_ip_set(**asked)


def test_an_old_token_is_answered_by_reading_again(url, sets):
    api, four, _ = sets
    blocks, waits = approved("203.0.113.9", "203.0.113.10"), []
    # Another one of us, with what was blocked a moment ago.
    racing = WafSets([four], lambda _: Racing(api, 3, ["203.0.113.10/32"]), waits.append)
    racing.put(blocks.blocked(NOW), blocks.was_blocked)
    assert held(api, four) == ["203.0.113.9/32", "203.0.113.10/32"]
    assert waits == [0, 1, 2]
    later = approved("203.0.113.11", blocks=blocks).blocked(NOW)
    racing = WafSets([four], lambda _: Racing(api, 99, []), waits.append)
    with pytest.raises(DeliveryError, match="each of 8 times"):
        racing.put(later, blocks.was_blocked)


def test_what_somebody_put_in_meanwhile_is_foreign_too(url, sets):
    api, four, _ = sets
    blocks = approved("203.0.113.9")
    racing = WafSets([four], lambda _: Racing(api, 1, ["192.0.2.7/32"]), lambda _: None)
    with pytest.raises(DeliveryError, match=r"192\.0\.2\.7/32"):
        racing.put(blocks.blocked(NOW), blocks.was_blocked)
    assert held(api, four) == ["192.0.2.7/32"]


def test_when_the_second_set_fails_it_is_told_that_the_first_is_in_place(url, sets):
    api, four, six = sets
    blocks = approved("203.0.113.9", "2001:db8:2::1")

    class Refusing(Racing):
        def update_ip_set(self, **asked):
            if asked["Name"] == six.name:
                asked["Name"] = "gone"
            return self._api.update_ip_set(**asked)

    both = WafSets([four, six], lambda _: Refusing(api, 0, []), never)
    with pytest.raises(DeliveryError, match=f"in place already: {four.name}$"):
        both.put(blocks.blocked(NOW), blocks.was_blocked)
    assert (held(api, four), held(api, six)) == (["203.0.113.9/32"], [])
    done = WafSets([four, six], clients(url), never).put(blocks.blocked(NOW), blocks.was_blocked)
    assert [plan.changes for _, plan in done] == [False, True]


def test_sets_of_cloudfront(url):
    api = client(url)
    ip_set = read_ip_set(make(api, "everywhere", 4, scope="CLOUDFRONT"))
    assert (ip_set.scope, ip_set.region) == ("CLOUDFRONT", "us-east-1")
    blocks = approved("203.0.113.9")
    WafSets([ip_set], clients(url), never).put(blocks.blocked(NOW), blocks.was_blocked)
    assert held(api, ip_set) == ["203.0.113.9/32"]


def test_of_too_many_the_most_harmful_are_listed_and_the_rest_is_told():
    blocks = Blocks(Safeguards())
    for number in range(12):
        address = f"203.0.113.{number}"
        if number in {3, 7}:  # came back
            blocks.apply(blocks.approve(address, NOW - 5 * HOUR, by="me"))
        event = blocks.propose(address, NOW - HOUR, by="rule", reason="r", last_seen=NOW - number)
        if event:
            blocks.apply(event)
        blocks.apply(blocks.approve(address, NOW, by="me"))
    plan = plan_ip_set(4, [], blocks.blocked(NOW), blocks.was_blocked, most=4)
    assert plan.ranges == ("203.0.113.0/32", "203.0.113.1/32", "203.0.113.3/32", "203.0.113.7/32")
    assert [str(each) for each in plan.unfit] == [
        f"203.0.113.{n}/32" for n in (2, 4, 5, 6, 8, 9, 10, 11)
    ]


def test_a_set_never_gets_more_than_ten_thousand():
    blocks = Blocks(Safeguards())
    for number in range(10_050):
        blocks.apply(blocks.approve(f"203.{number >> 8}.{number & 255}.9", NOW, by="me"))
    plan = plan_ip_set(4, [], blocks.blocked(NOW), blocks.was_blocked)
    assert (len(plan.ranges), len(plan.unfit)) == (10_000, 50)


@pytest.mark.parametrize(
    ("text", "version"),
    [("203.0.113.9", 4), ("203.0.113.9/24", 4), ("0.0.0.0/0", 4), ("::/0", 6), ("2001:db8::/64", 4),
     ("203.0.113.9/32", 6), ("fe80::%1/64", 6), ("203.0.113.9/33", 4), ("", 4), ("x/8", 4)],
)  # fmt: skip
def test_what_waf_does_not_take(text, version):
    with pytest.raises(ParseError):
        read_range(text, version)


@given(st.integers(1, 32), st.ip_addresses(v=4), st.integers(1, 128), st.ip_addresses(v=6))
def test_every_range_but_all_of_it(four, address, six, longer):
    for text, version in ((f"{address}/{four}", 4), (f"{longer}/{six}", 6)):
        network = ip_network(text, strict=False)
        assert read_range(str(network), version) == network


ARN = "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/out/8f14d621-639b-435f-b3f6-0b2548d3be50"


def test_what_an_arn_says():
    found = read_ip_set(ARN)
    assert (found.region, found.scope, found.name) == ("eu-central-1", "REGIONAL", "out")
    assert read_ip_set(ARN.replace("regional", "global")).scope == "CLOUDFRONT"
    for bad in ("", "out", ARN + "/", ARN.replace("ipset", "webacl"), ARN.replace("wafv2", "waf")):
        with pytest.raises(ParseError):
            read_ip_set(bad)


def test_two_sets_of_a_family_and_one_that_is_not_there(url, sets):
    _, four, _ = sets
    with pytest.raises(ParseError, match="two sets of IPv4"):
        WafSets([four, four], clients(url), never).put([], lambda _: True)
    with pytest.raises(DeliveryError, match="out: "):
        WafSets([read_ip_set(ARN)], clients(url), never).put([], lambda _: True)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.sets(st.integers(0, 40), max_size=6))
def test_the_sets_equal_the_record_whatever_happened(url, sets, script, exports):
    """Over decisions, clock jumps and expiries: each export makes both sets the stored truth."""
    api, *both = sets
    waf_sets = WafSets(both, clients(url), never)
    # Entries of an example before are ours: they were exported then.
    waf_sets._take_over = True
    waf_sets.put([], lambda _: True)
    waf_sets._take_over = False
    record = []
    for number, (blocks, now) in enumerate(walk(script, record)):
        if number not in exports:
            continue
        waf_sets.put(blocks.blocked(now), blocks.was_blocked)
        listed = [*held(api, both[0]), *held(api, both[1])]
        truth = [str(network) for network, _ in Blocks(OWN, record).blocked(now)]
        assert sorted(listed) == sorted(truth)
        assert not [each for each in listed if forbidden(ip_network(each))]
        assert all(read_range(each, 6 if ":" in each else 4) for each in listed)


@pytest.fixture
def run(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tocsin.yaml").write_text("{}\n")
    environment = {key.upper(): value for key, value in CREDENTIALS.items()}
    environment |= {"AWS_ENDPOINT_URL_WAFV2": url, "AWS_EC2_METADATA_DISABLED": "true"}

    def run(*words):
        return CliRunner(env=environment).invoke(
            cli, ["block", *words], standalone_mode=False, catch_exceptions=False
        )

    return run


def test_the_command_shows_the_difference_and_makes_it(run, sets):
    api, four, six = sets
    words = ("export", "--waf", four.arn, "--waf", six.arn)
    run("add", "203.0.113.9", "2001:db8:2::1", "--reason", "scans")
    shown = run(*words, "--dry-run")
    assert shown.return_value == 0
    assert shown.stdout.splitlines() == [
        f"{four.name} +203.0.113.9/32", f"{six.name} +2001:db8:2::/64",
    ]  # fmt: skip
    assert held(api, four) == []
    assert run(*words).stdout == shown.stdout
    assert held(api, four) == ["203.0.113.9/32"]
    assert run(*words).stdout == ""
    run("remove", "203.0.113.9", "--reason", "mistake")
    assert run(*words).stdout == f"{four.name} -203.0.113.9/32\n"
    assert held(api, four) == []
    # IPv6 is blocked and has no set here.
    alone = run("export", "--waf", four.arn)
    assert (alone.return_value, "1 blocked without a set" in alone.stderr) == (1, True)
