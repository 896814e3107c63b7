"""What Sigma files mean, and what is refused, with its place."""

import pytest

from tocsin.correlation import Correlator, Event, load_sigma
from tocsin.errors import RuleError


def matches(detection, fields, text="", logsource="product: application"):
    rule = f"title: t\nlogsource: {{{logsource}}}\ndetection: {{sel: {detection}, condition: sel}}"
    correlator = Correlator(load_sigma([("r.yml", rule.encode())]))
    return bool(correlator.feed([Event(1, fields, 1, text)]))


@pytest.mark.parametrize(
    ("detection", "fields", "expected"),
    [
        ("{a: Word}", {"a": "wORD"}, True),
        ("{a|cased: Word}", {"a": "word"}, False),
        ("{a: w?rd*}", {"a": "Wordless"}, True),
        (r"{a: 'w\*rd'}", {"a": "word"}, False),
        (r"{a: 'w\*rd'}", {"a": "w*rd"}, True),
        ("{a|contains: or}", {"a": "WORD"}, True),
        ("{a|startswith: wo}", {"a": "word"}, True),
        ("{a|endswith: rd}", {"a": "word "}, False),
        ("{a|contains|all: [wo, rd]}", {"a": "word"}, True),
        ("{a|contains|all: [wo, xx]}", {"a": "word"}, False),
        ("{a: [x, y]}", {"a": "y"}, True),
        ("{a|re: '^w.r[d]$'}", {"a": "word"}, True),
        ("{a|re|i: '^W.R[D]$'}", {"a": "word"}, True),
        ("{a|re: '^W'}", {"a": "word"}, False),
        ("{a|cidr: 10.0.0.0/8}", {"a": "10.2.3.4"}, True),
        ("{a|cidr: 10.0.0.0/8}", {"a": "11.2.3.4"}, False),
        ("{a|cidr: '2001:db8::/32'}", {"a": "2001:db8::1"}, True),
        ("{a|gte: 500}", {"a": "503"}, True),
        ("{a|lt: 500}", {"a": 503}, False),
        ("{a|gt: 5}", {"a": "x"}, False),
        ("{a: 404}", {"a": "404"}, True),
        ("{a: 404}", {"a": 404}, True),
        ("{a: null}", {}, True),
        ("{a: null}", {"a": "x"}, False),
        ("{a|exists: true}", {"a": ""}, True),
        ("{a|exists: false}", {"a": ""}, False),
        ("{a: ''}", {"a": ""}, True),
        ("{a|fieldref: b}", {"a": "x", "b": "X"}, True),
        ("{a|fieldref: b}", {"a": "x"}, False),
        ("{a: y}", {"a": ("x", "y")}, True),
        ("{a|windash|contains: ' -f '}", {"a": "rm /f x"}, True),
        ("{a|base64offset|contains: foobar}", {"a": "xxZm9vYmFyxx"}, True),
        ("[{a: x}, {b: y}]", {"b": "y"}, True),
        ("{a: x, b: y}", {"b": "y"}, False),
        ("{c-ip: 1.2.3.4}", {"client": "1.2.3.4"}, True),
        ("{source.ip: 1.2.3.4}", {"client": "1.2.3.4"}, True),
        ("{sc-status: 404}", {"status": "404"}, True),
    ],
)
def test_detections(detection, fields, expected):
    assert matches(detection, fields) is expected


def test_keywords():
    assert matches("['Failed password', other]", {}, "sshd: failed PASSWORD for x")
    assert not matches("['Failed password', other]", {"a": "failed password"}, "nothing")


def test_log_source():
    fields = {"a": "x", "program": "sshd"}
    assert matches("{a: x}", fields, logsource="product: linux, service: sshd")
    assert not matches("{a: x}", {"a": "x"}, logsource="product: linux, service: sshd")
    (warning,) = load_sigma(
        [("r.yml", b"title: t\nlogsource: {service: odd}\ndetection: {s: {a: b}, condition: s}")]
    ).warnings
    assert str(warning).startswith("r.yml:2:1: warning: log source service 'odd' is not mapped")


def test_conditions():
    rule = b"""
title: t
logsource: {product: application}
detection:
  one_a: {a: 1}
  one_b: {b: 1}
  not_c: {c: 1}
  condition: all of one_* and not 1 of not_*
"""
    rules = load_sigma([("r.yml", rule)])
    feed = lambda **fields: len(Correlator(rules).feed([Event(1, fields)]))  # noqa: E731
    assert feed(a=1, b=1) == 1
    assert feed(a=1, b=1, c=1) == 0
    assert feed(a=1) == 0


BASE = "title: a\nname: a\nlogsource: {product: linux}\ndetection: {s: {x: y}, condition: s}\n---\n"


def correlation(body, base=BASE):
    return (base + "title: c\nname: c\ncorrelation: {" + body + "}").encode()


@pytest.mark.parametrize(
    ("source", "place", "words"),
    [
        (b"title: t\nlogsource: {product: linux}\ndetection: {s: {x|re: '(?=a)'}, condition: s}",
         "r.yml:3", "(?="),
        (b"title: t\nlogsource: {product: linux}\ndetection: {s: {x|hour: 3}, condition: s}",
         "r.yml:3", "time stamp"),
        (b"title: t\nlogsource: {product: linux}\ndetection: {s: {x|expand: '%a%'}, condition: s}",
         "r.yml:3", "placeholder"),
        (b"title: t\nlogsource: {product: linux}\ndetection: {s: {x|odd: a}, condition: s}",
         "r.yml:3", "odd"),
        (b"title: t\nlogsource: {product: linux}\ndetection: {s: {x: a}, condition: s and q}",
         "r.yml:3", "q"),
        (b"title: t\ndetection: {s: {x: a}, condition: s}", "r.yml:", "log source"),
        (b"action: global\ntitle: t", "r.yml:1", "action"),
        (b"title: [", "r.yml:", "YAML"),
        (b"- a", "r.yml:1", "mapping"),
        (correlation("type: event_count, rules: [b], timespan: 1m, condition: {gte: 1}"),
         "r.yml:8", "no rule 'b'"),
        (correlation("type: event_count, rules: [a], timespan: 1x, condition: {gte: 1}"),
         "r.yml:8", "1x"),
        (correlation("type: odd, rules: [a], timespan: 1m, condition: {gte: 1}"), "r.yml:8", "odd"),
        (correlation("type: value_count, rules: [a], timespan: 1m, condition: {gte: 1}"),
         "r.yml", "field"),
        (correlation("type: event_count, rules: [c], timespan: 1m, condition: {gte: 1}"),
         "r.yml:8", "itself"),
        (correlation("type: value_percentile, rules: [a], timespan: 1m, "
                     "condition: {gte: 1, field: x}"), "r.yml:8", "percentile"),
        (correlation("type: temporal_ordered, timespan: 1m, condition: a and a"),
         "r.yml:8", "extended"),
    ],
)  # fmt: skip
def test_refused(source, place, words):
    with pytest.raises(RuleError) as error:
        load_sigma([("r.yml", source)])
    assert str(error.value).startswith(place)
    assert words in str(error.value)


def test_all_mistakes_at_once():
    one = b"title: t\nlogsource: {product: linux}\ndetection: {s: {x|hour: 3}, condition: s}"
    with pytest.raises(RuleError) as error:
        load_sigma([("a.yml", one), ("b.yml", one)])
    assert [each.span.path for each in error.value.problems] == ["a.yml", "b.yml"]


def mistakes(source):
    with pytest.raises(RuleError) as error:
        load_sigma([("r.yml", source.encode())])
    return [str(each) for each in error.value.problems]


def test_every_mistake_of_a_file_has_its_place_and_a_hint(capfd):
    found = mistakes("""title: a
name: a
logsource: {product: linux}
detection:
  sel:
    x|contians: y
    z|re: '('
  condition: sel
---
title: b
name: b
logsource: {product: linux}
detection:
  sel: {z|re: '('}
  condition: sel
---
title: c
level: hihg
logsource: {product: linux}
detection:
  sel: {x: y}
  condition: sell
---
title: d
correlation:
  type: event_cuont
  rules: [a, b]
  group_by: [source.ip]
  timespan: 600
  condition: {gte: five}
""")
    kinds = [
        "event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg",
        "value_median",
    ]  # fmt: skip
    assert found == [
        "r.yml:6:5: unknown modifier 'contians', hint: did you mean 'contains'?",
        "r.yml:13:1: bad regular expression '(': missing ): (, "
        "hint: RE2 syntax: no look-around, no back-references",
        "r.yml:18:1: 'hihg' is not a valid Sigma rule level, "
        "hint: informational, low, medium, high or critical",
        "r.yml:22:3: Detection 'sell' not defined in detections",
        "r.yml:26:3: 'event_cuont' is no valid Sigma correlation type, "
        f"hint: {', '.join(kinds)} or value_percentile",
        "r.yml:28:3: unknown key 'group_by' in correlation, hint: did you mean 'group-by'?",
        "r.yml:29:3: Timespan '600' is invalid., "
        "hint: a number and a unit, such as 90s, 10m, 1h or 1d",
        "r.yml:30:3: 'five' is no valid Sigma correlation condition count, "
        "hint: such as `condition: {gte: 5}`",
    ]
    assert capfd.readouterr().err == ""


def test_a_correlation_of_a_rule_with_a_mistake_is_not_told_that_there_is_none():
    found = mistakes(
        correlation(
            "type: event_count, rules: [a], timespan: 1m, condition: {gte: 1}",
            BASE.replace("{x: y}", "{x|odd: y}"),
        ).decode()
    )
    (only,) = found
    assert only.startswith("r.yml:4:17: unknown modifier 'odd', hint: known: all, base64")


def test_a_correlation_without_what_its_misspelt_key_says_is_refused():
    body = "type: event_count, rules: [a], timespan: 1m, condition: {gte: 1}, groupby: [x]"
    (only,) = mistakes(correlation(body).decode())
    assert (
        only == "r.yml:8:81: unknown key 'groupby' in correlation, hint: did you mean 'group-by'?"
    )


def test_slips_that_change_little_are_warnings():
    rule = (
        "title: t\nlevle: high\nx-owner: me\nlogsource: {produkt: linux, service: sshd}\n"
        "detection: {s: {a: b}, condition: s}"
    )
    warnings = load_sigma([("r.yml", rule.encode())]).warnings
    assert [str(each) for each in warnings] == [
        "r.yml:2:1: warning: unknown key 'levle' in the rule, hint: did you mean 'level'?",
        "r.yml:4:13: warning: unknown key 'produkt' in logsource, hint: did you mean 'product'?",
    ]


def alerts(source, events):
    correlator = Correlator(load_sigma([("r.yml", source)]))
    return [each for each in correlator.feed(events) if each.rule == "c"]


def test_extended_condition_and_aliases():
    base = BASE + BASE.replace("a\n", "b\n").replace("x: y", "x: z")
    source = correlation(
        "type: temporal, rules: [a, b], timespan: 1m, group-by: [who], condition: a and not b, "
        "aliases: {who: {a: user, b: account}}",
        base,
    )
    assert [e.time for e in alerts(source, [Event(1, {"x": "y", "user": "u"})])] == [1]
    first = Event(0, {"x": "z", "account": "u"})
    assert not alerts(source, [first, Event(1, {"x": "y", "user": "u"})])
    assert alerts(source, [first, Event(1, {"x": "y", "user": "v"})])


def test_v6_counts_by_its_64():
    source = correlation(
        "type: event_count, rules: [a], timespan: 1m, group-by: [source.ip], condition: {gte: 3}"
    )
    events = [
        Event(n, {"x": "y", "client": client})
        for n, client in enumerate(["2001:db8::1", "2001:db8:0:1::1", "2001:db8::2", "2001:db8::3"])
    ]
    (alert,) = alerts(source, events)
    assert (alert.time, dict(alert.group)) == (3, {"source.ip": "2001:db8::/64"})
    mapped = [
        Event(n, {"x": "y", "client": c}) for n, c in enumerate(["1.2.3.4", "::ffff:1.2.3.4"] * 2)
    ]
    assert dict(alerts(source, mapped)[0].group) == {"source.ip": "1.2.3.4"}


def test_events_without_the_field_are_told():
    source = correlation(
        "type: event_count, rules: [a], timespan: 1m, group-by: [who], condition: {gte: 1}"
    )
    correlator = Correlator(load_sigma([("r.yml", source)]))
    assert not correlator.feed([Event(1, {"x": "y"}, 3)])
    assert correlator.unkeyed == {"c": 3}


def test_what_comes_too_late_is_counted():
    source = correlation("type: event_count, rules: [a], timespan: 1m, condition: {gte: 1}")
    correlator = Correlator(load_sigma([("r.yml", source)]), lateness=10)
    correlator.feed([Event(100, {"x": "y"}), Event(90, {"x": "y"}), Event(89, {"x": "y"})])
    correlator.finish()
    assert correlator.late == 1


@pytest.mark.parametrize(
    ("detection", "fields", "expected"),
    [
        ("{a|re: 'x.y'}", {"a": "x\ny"}, False),
        ("{a|re|s: 'x.y'}", {"a": "x\ny"}, True),
        ("{a|re|m: '^y'}", {"a": "x\ny"}, True),
        ("{a|re: '^y'}", {"a": "x\ny"}, False),
        ("{a|re|i|m|s: 'X.^Y'}", {"a": "x\ny"}, True),
        ("{a|gt: 5}", {"a": "1_0"}, False),
        ("{a|gt: 5}", {"a": "inf"}, False),
        ("{a|gt: 5}", {"a": " 6"}, False),
        ("{a|gt: 5}", {"a": "1e1"}, True),
        ("{a: 1000}", {"a": "1_000"}, False),
        ("{a|fieldref: b}", {"a": ("x", "y"), "b": "y"}, True),
        ("{a|fieldref|neq: b}", {"a": "x", "b": "x"}, False),
        ("{a|utf16le|base64offset|contains: ping}", {"a": "cABpAG4AZwA="}, True),
        ("{a|neq: [x, y]}", {"a": "y"}, False),
        (r"{a: 'a\\*'}", {"a": "a\\bc"}, True),
        (r"{a: 'a\\\*'}", {"a": "a\\b"}, False),
        ("{a: [null, x]}", {}, True),
        ("{a: '?*'}", {"a": ""}, False),
    ],
)
def test_modifiers_as_specified(detection, fields, expected):
    assert matches(detection, fields) is expected


def correlated(body, keys, top=""):
    """The measures of the alerts of a correlation of the rules a and b, and those of other rules."""
    rule = "title: {0}\nname: {0}\nlogsource: {{product: application}}\ndetection: {{s: {{k: {0}}}, condition: s}}\n"
    last = f"title: t\nname: t\n{top}correlation: {{group-by: [u], timespan: 1m, {body}}}\n"
    rules = load_sigma(
        [("r.yml", "---\n".join([rule.format("a"), rule.format("b"), last]).encode())]
    )
    alerts = Correlator(rules).feed(
        [Event(at, {"k": key, "u": "x"}) for at, key in enumerate(keys)]
    )
    return [(each.rule, each.measure) for each in alerts]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{gt: 2, lte: 4}", [("t", 3)]),
        ("{gte: 5, lt: 7}", [("t", 5)]),
        ("{gte: 8, lt: 9}", []),
        ("{gt: 2, lt: 3}", []),
    ],
)
def test_a_condition_that_is_a_range(condition, expected):
    assert correlated(f"type: event_count, rules: [a], condition: {condition}", "a" * 7) == expected


def test_beyond_a_range_a_condition_no_longer_holds():
    body = "type: event_count, rules: [a], condition: {gte: 2, lte: 3}"
    ends = [(0, "a"), (1, "a"), (2, "a"), (3, "a"), (61_000_000, "a"), (61_000_001, "a")]
    rule = b"title: a\nname: a\nlogsource: {product: application}\ndetection: {s: {k: a}, condition: s}\n---\n"
    last = f"title: t\nname: t\ncorrelation: {{group-by: [u], timespan: 1m, {body}}}\n".encode()
    correlator = Correlator(load_sigma([("r.yml", rule + last)]))
    alerts = correlator.feed([Event(at, {"k": key, "u": "x"}) for at, key in ends])
    assert [(each.time, each.measure) for each in alerts] == [(1, 2), (61_000_001, 2)]


def test_generate_beside_level():
    body = "type: event_count, rules: [a], condition: {gte: 2}"
    assert correlated(body, "aa", "generate: true\n") == [("a", 1), ("a", 1), ("t", 2)]
    assert correlated(body, "aa") == [("t", 2)]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("type: event_count, rules: [a], condition: {field: f, gte: 2}", "event_count has no field"),
        ("type: temporal, rules: [a, b], condition: {field: f, gte: 2}", "temporal has no field"),
        ("type: temporal, rules: [a], aliases: {u: {a: x, b: y}}", "an alias for 'b'"),
        ("type: event_count, rules: [a], condition: {gte: 2, lt: x}", "lt needs a number"),
        ("type: event_count, rules: [a], condition: {gte: 2, gt: 3}", "exactly one condition"),
        ("type: value_sum, rules: [a], condition: {field: [f, g], gte: 2}", "value_sum is of one field"),
        ("type: event_count, rules: [a], condition: {gte: true}", "'true' is no number"),
        ("type: temporal_ordered, rules: [a, b], condition: a and b", "extended condition"),
    ],
)  # fmt: skip
def test_correlations_that_are_refused(body, what):
    with pytest.raises(RuleError, match=what):
        correlated(body, "")


def test_the_values_of_several_fields_count_together():
    source = correlation(
        "type: value_count, rules: [a], timespan: 1m, condition: {field: [f, g], gte: 3}"
    )
    pairs = [("1", "2"), ("1", "2"), ("1", None), ("1, 2", "3"), ("1", "2, 3"), ("9", "9")]
    events = [
        Event(at, {"x": "y", "f": f} | ({"g": g} if g else {})) for at, (f, g) in enumerate(pairs)
    ]
    (alert,) = alerts(source, events)
    assert (alert.time, alert.measure) == (4, 3)


def test_addresses_of_one_customer_are_one_value():
    source = correlation(
        "type: value_count, rules: [a], timespan: 1m, condition: {field: source.ip, gte: 2}"
    )
    same = [Event(at, {"x": "y", "client": f"2001:db8::{at + 1}"}) for at in range(9)]
    assert not alerts(source, same)
    other = Event(10, {"x": "y", "client": "2001:db8:0:1::1"})
    assert [each.time for each in alerts(source, [*same, other])] == [10]


def test_a_correlation_groups_by_its_own_fields_whatever_that_below_it_groups_by():
    # The specification's note at temporal_ordered.
    below = (
        "title: d\nname: d\ncorrelation: {type: event_count, rules: [a], timespan: 1m, "
        "group-by: [host], condition: {gte: 3}}\n---\n"
    )
    success = BASE.replace("a\n", "b\n").replace("x: y", "x: z")
    source = correlation(
        "type: temporal_ordered, rules: [d, b], timespan: 1m, group-by: [user]",
        BASE + success + below,
    )
    tries = [Event(at, {"x": "y", "host": "h", "user": "u"}) for at in range(3)]
    (alert,) = alerts(source, [*tries, Event(3, {"x": "z", "host": "g", "user": "u"})])
    assert dict(alert.group) == {"user": "u"}
    assert not alerts(source, [*tries, Event(3, {"x": "z", "host": "h", "user": "v"})])


def test_a_timespan_in_months_is_told():
    for unit, told in (("M", 1), ("m", 0)):
        source = correlation(
            f"type: event_count, rules: [a], timespan: 5{unit}, condition: {{gte: 1}}"
        )
        found = load_sigma([("r.yml", source)])
        assert (len(found.correlations), len(found.warnings)) == (1, told)
