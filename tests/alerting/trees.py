"""Routing trees, label sets and alerts, generated; and the YAML that says them."""

from __future__ import annotations

import yaml
from hypothesis import strategies as st

from tocsin.alerting import Routing, read_inhibit_rules, read_intervals, read_route
from tocsin.yamlfile import read_yaml
from tocsin.yamlreader import YamlReader

NAMES = ("team", "severity", "env")
VALUES = ("a", "b", "page", 'x"y', "")
RECEIVERS = ("r0", "r1", "r2", "r3")

labels = st.fixed_dictionaries(
    {"alertname": st.sampled_from(["Up", "Down"])},
    optional={name: st.sampled_from(VALUES[:4]) for name in NAMES},
)
_quoted = st.builds(
    lambda name, op, value: f'{name}{op}"{value}"',
    st.sampled_from(NAMES),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["a", "b", "page", r"x\"y", "", "a|b", ".*", "p.+"]),
)
_matchers = st.lists(_quoted, min_size=1, max_size=2)


def _node(children):
    return st.fixed_dictionaries(
        {},
        optional={
            "receiver": st.sampled_from(RECEIVERS),
            "matchers": _matchers,
            "match": st.dictionaries(
                st.sampled_from(NAMES), st.sampled_from(["a", "b"]), max_size=1
            ),
            "match_re": st.dictionaries(
                st.sampled_from(NAMES), st.sampled_from(["a|b", "p.*"]), max_size=1
            ),
            "continue": st.booleans(),
            "group_by": st.sampled_from([[], ["team"], ["alertname", "env"], ["..."]]),
            "routes": children,
        },
    )


_children = st.recursive(
    st.just([]), lambda inner: st.lists(_node(inner), max_size=3), max_leaves=6
)
roots = st.builds(
    lambda children, by: {"receiver": "r0", "group_by": by, "routes": children},
    _children,
    st.sampled_from([[], ["alertname"], ["team", "severity"]]),
)
rules = st.lists(
    st.fixed_dictionaries(
        {"source_matchers": _matchers, "target_matchers": _matchers},
        optional={"equal": st.lists(st.sampled_from(NAMES), unique=True, max_size=2)},
    ),
    max_size=3,
)


def routing(root, inhibit_rules=(), intervals=(), receivers=RECEIVERS):
    """What the product makes of it; raises AssertionError for what it refuses."""
    reader = YamlReader()
    document = {"route": root, "rules": list(inhibit_rules), "intervals": list(intervals)}
    top = read_yaml(yaml.safe_dump(document).encode(), "tree.yml")
    named = read_intervals(reader, reader.items(top, "intervals"))
    made = Routing(
        read_route(reader, top.items["route"], receivers, tuple(named)),
        {name: ((name, True),) for name in receivers},
        read_inhibit_rules(reader, reader.items(top, "rules")),
        named,
    )
    assert not reader.problems, reader.problems
    return made


def alertmanager_yaml(root, inhibit_rules=(), receivers=None):
    return yaml.safe_dump(
        {
            "route": root,
            "inhibit_rules": list(inhibit_rules),
            "receivers": receivers or [{"name": name} for name in RECEIVERS],
        }
    )
