"""Lines that no rule can match are passed over without being parsed; no other is."""

import random
import time
from functools import cache
from itertools import accumulate

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import Correlator, Event, EventReader, load_sigma, make_prefilter
from tocsin.errors import RuleError
from tocsin.logformat import Clues, make_format
from tocsin.packs import pack_rules

YEAR_2017 = 1_483_228_800_000_000
PACK = load_sigma(pack_rules("appsec"))


@cache
def of_pack(form):
    """Made once, as a daemon does."""
    return make_prefilter(PACK, form)


def check(rules, form, block):
    """Every line that matches is let through, as it stands there; how many were."""
    prefilter = of_pack(form) if rules is PACK else make_prefilter(rules, form)
    assert prefilter is not None
    found = list(prefilter.lines(block))
    lines = block.split(b"\n")
    begins = accumulate((len(line) + 1 for line in lines), initial=0)
    number = {start: at for at, start in enumerate(begins)}
    assert [start for start, _ in found] == sorted({start for start, _ in found})
    assert all(lines[number[start]] == line for start, line in found)
    through = {number[start] for start, _ in found}
    reader, correlator = EventReader(make_format(form, Clues(after=YEAR_2017))), Correlator(rules)
    for number, line in enumerate(lines):
        event = reader.read(line.removesuffix(b"\r"))
        if isinstance(event, Event) and correlator.sift([event]):
            assert number in through, line
    return len(through)


@pytest.mark.parametrize(
    ("form", "name", "most"), [("combined", "apache_access.log", 0.03), ("syslog", "auth.log", 0.6)]
)
def test_real_logs(data, form, name, most):
    block = (data / "logs" / name).read_bytes()
    assert 0 < check(PACK, form, block) < most * block.count(b"\n")


TEXT = st.text(
    st.sampled_from("aAbB./-_ %2eE27'or=<>()[]{}$;|\\\u212a\u0130é?&0149\t"), max_size=14
) | st.sampled_from([
    "../..", "union select", "' or 1=1", "/.env", "sshd", "- [21/Nov/2026:10:00:00 +0000] ", "-", "- x", "- [x", "",
    "Failed password for x from 192.0.2.1 port 9 ssh2", "404", '\\"', "\\x22", "usermod", "add 'a' to group 'sudo'",
])  # fmt: skip


@st.composite
def access_lines(draw):
    user, path, referer, agent = (draw(TEXT).replace('"', "") for _ in range(4))
    method = draw(st.sampled_from(["GET", "POST", "post", "X"]))
    status = draw(st.sampled_from(["200", "301", "401", "403", "404", "410", "500", "599", "600"]))
    request = draw(st.sampled_from([f"{method} /{path} HTTP/1.1", f"{method} /{path}", path]))
    return f'192.0.2.1 - {user or "-"} [21/Nov/2026:10:00:00 +0000] "{request}" {status} 7 "{referer}" "{agent}"'


@st.composite
def syslog_lines(draw):
    program = draw(
        st.sampled_from(
            ["sshd", "sshd-session", "sshd-auth", "nginx", "usermod", "gpasswd", "cron", "httpd"]
        )
    )
    return f"Mar  1 10:00:00 srv {program}[7]: {draw(TEXT)}{draw(TEXT)}"


def blocks(lines):
    other = TEXT.map(lambda text: text.replace("\n", " "))
    ends = st.sampled_from([b"\n", b"\r\n", b"\n\n"])
    pieces = st.tuples((lines | other).map(lambda text: text.encode("utf-8", "replace")), ends)
    return st.lists(pieces, min_size=1, max_size=20).map(
        lambda found: b"".join(a + b for a, b in found)
    )


@given(block=blocks(access_lines()), cut=st.integers(0, 3))
@settings(max_examples=200)
def test_the_pack_over_access_logs(block, cut):
    check(PACK, "combined", block[: len(block) - cut])


@given(block=blocks(syslog_lines()))
@settings(max_examples=100)
def test_the_pack_over_syslog(block):
    check(PACK, "syslog", block)


FIELDS = {
    "combined": ["cs-uri-stem", "cs-uri-query", "cs-user-agent", "cs-referer", "cs-username", "cs-method", "c-ip",
                 "c-uri", "sc-status", "event.dataset", "event.outcome", "offence", "nothing"],
    "syslog": ["message", "program", "host", "user.name", "source.ip", "event.dataset", "event.outcome", "offence"],
}  # fmt: skip
SOURCES = {
    "combined": [{"category": "webserver"}, {"product": "linux"}],
    "syslog": [{"product": "linux"}, {"service": "sshd"}, {"service": "cron"}],
}
REGEX = [
    "a",
    "/",
    "\\.",
    "^",
    "$",
    "\\b",
    "[^/]*",
    "|",
    "(?i)",
    "[$^]",
    "[]a]",
    "\\$",
    "e+",
    ".",
    "[[:alpha:]$]",
    "B",
    "\\Qa$\\E",
]
LETTERS = "aAbB/-.e0?=$ \u212a\u0130"
WORDS = [
    *LETTERS,
    "sshd",
    "cron",
    "usermod",
    "GET",
    "post",
    "access",
    "syslog",
    "failure",
    "404",
    "40",
    "- x",
    "-",
    "srv",
]


def text(rng, most=6):
    return "".join(
        rng.choice(WORDS if rng.random() < 0.3 else LETTERS) for _ in range(rng.randrange(most))
    )


def line(rng, form):
    if form == "syslog":
        program = rng.choice(["sshd", "cron", "usermod", "nginx", "a"])
        failed = f"Failed password for {text(rng)} from 192.0.2.1 port 9 ssh2"
        return f"Mar  1 10:00:00 {rng.choice(['srv', 'a'])} {program}[7]: {rng.choice([failed, text(rng)])}"
    request = f"{rng.choice(['GET', 'POST', 'a'])} /{text(rng).replace(' ', '')}{rng.choice(['', ' HTTP/1.1'])}"
    status = rng.choice([200, 401, 404, 500])
    user = text(rng, 3) or "-"
    return f'192.0.2.1 - {user} [21/Nov/2026:10:00:00 +0000] "{request}" {status} 7 "{text(rng)}" "{text(rng)}"'


def detection(rng, form):
    kind = rng.choice(
        [
            "",
            "|contains",
            "|startswith",
            "|endswith",
            "|re",
            "|exists",
            "|gte",
            "|contains|cased",
            "null",
        ]
    )
    field, value = rng.choice(FIELDS[form]), text(rng, 4)
    match kind:
        case "|re":
            value = "".join(rng.choice(REGEX) for _ in range(rng.randrange(1, 4)))
        case "|exists":
            value = rng.random() < 0.7
        case "|gte":
            value = rng.choice([0, 300, 404, 500])
        case "null":
            kind, value = "", None
        case "":
            value = rng.choice(
                [
                    value,
                    404,
                    "401",
                    "a*",
                    "*",
                    "?",
                    "GET",
                    [value, "404"],
                    "cron",
                    "srv",
                    f"*{value}*b",
                ]
            )
    return {f"{field}{kind}": value}


def rule_file(rng, form):
    parts = {f"s{n}": detection(rng, form) for n in range(rng.randrange(1, 4))}
    words = [f"{rng.choice(['and', 'or'])} {rng.choice(['', '', 'not '])}{name}" for name in parts]
    condition = " ".join(words).partition(" ")[2]
    made = {
        "title": "t",
        "logsource": rng.choice(SOURCES[form]),
        "detection": {**parts, "condition": condition},
    }
    return yaml.safe_dump(made).encode()


@pytest.mark.parametrize("form", ["combined", "syslog"])
@given(seed=st.integers(0, 2**64))
@settings(max_examples=20)
def test_any_rules(form, seed):
    rng, through, tried = random.Random(seed), 0, 0
    # Few rules have a prefilter, and it lets few lines through.
    while tried < 60 or not through:
        tried += 1
        assert tried < 2000
        block = "".join(
            line(rng, form) + rng.choice(["\n", "\n", "\r\n", "\n\n"]) for _ in range(12)
        ).encode()
        try:
            rules = load_sigma([("r.yml", rule_file(rng, form)), ("s.yml", rule_file(rng, form))])
        except RuleError:
            continue
        if make_prefilter(rules, form) is not None:
            through += check(rules, form, block)


@pytest.mark.parametrize(
    "user", ["x", "-x", "- x", "- [", "- [21/Nov", "- [21/Nov/2026:10:00:00 +0000]", " ", "[", "--"]
)
def test_a_user_is_seen_whatever_it_is(user):
    rules = load_sigma([
        ("r.yml", b"title: t\nlogsource: {category: webserver}\ndetection: {u: {cs-username|exists: true}, condition: u}\n")
    ])  # fmt: skip
    line = f'192.0.2.1 - {user} [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 7 "-" "-"\n'
    assert check(rules, "combined", line.encode()) == 1
    assert (
        check(rules, "combined", line.replace(user, "-", 1).encode() if user == "x" else b"") == 0
    )


def test_where_nothing_is_known_there_is_none():
    rules = load_sigma(
        [
            (
                "r.yml",
                b"title: t\nlogsource: {product: linux}\ndetection: {u: {x: null}, condition: u}\n",
            )
        ]
    )
    assert make_prefilter(rules, "combined") is None
    assert make_prefilter(PACK, "json") is None


def test_it_is_fast_where_no_line_can_match():
    line = b'192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "GET /a/b.html HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11)"\n'
    block = line * 50_000
    prefilter, reader = make_prefilter(PACK, "combined"), EventReader(make_format("combined"))
    begin = time.process_time()
    assert list(prefilter.lines(block)) == []
    passed = time.process_time() - begin
    begin = time.process_time()
    for each in block[: len(line) * 10_000].splitlines():
        reader.read(each)
    assert passed < 5 * (time.process_time() - begin) / 2
