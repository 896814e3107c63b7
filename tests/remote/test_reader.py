"""Reading expositions: the grammar, the short way, and the libraries as referees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tocsin.errors import ParseError
from tocsin.labels import Labels
from tocsin.remote import Reader
from tocsin.series import NO_TIME, DropReason, Exposition, LabelLimits, Metadata

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def read(text: str, content_type: str = TEXT) -> Exposition:
    return Reader().read(text.encode(), content_type)


def samples(exposition: Exposition):
    times = exposition.times if exposition.times is not None else [NO_TIME] * len(exposition.labels)
    return list(zip(map(str, exposition.labels), map(repr, exposition.values), times, strict=True))


def test_a_text_of_every_kind_of_line():
    found = read(
        "# HELP http_requests Requests \\\\ so\\nfar.\n"
        "# TYPE http_requests counter\n"
        "http_requests 3\n"
        "# a comment\n"
        "\n"
        'a{b="c \\"d\\" \\\\ \\n {},=#"} 1e3 1395066363000\n'
        'a {  x = "1" , y="2",} +Inf\t-5\n'
        "\tb  NaN \n"
        "c{}-0.5\n"
    )
    assert samples(found) == [
        ("http_requests", "np.float64(3.0)", NO_TIME),
        ('a{b="c \\"d\\" \\\\ \\n {},=#"}', "np.float64(1000.0)", 1395066363000_000),
        ('a{x="1", y="2"}', "np.float64(inf)", -5000),
        ("b", "np.float64(nan)", NO_TIME),
        ("c", "np.float64(-0.5)", NO_TIME),
    ]
    assert found.metadata == {"http_requests": Metadata("counter", "Requests \\ so\nfar.")}


def test_openmetrics_with_exemplars_units_and_seconds():
    found = read(
        "# TYPE a_seconds histogram\n"
        "# UNIT a_seconds seconds\n"
        'a_seconds_bucket{le="1.0"} 2 # {trace_id="x y"} 0.67 1520879607.789\n'
        "a_seconds_count 2 1520879607.789\n"
        "# EOF\n",
        OPENMETRICS,
    )
    assert [time for _, _, time in samples(found)] == [NO_TIME, 1520879607_789000]
    assert found.metadata == {"a_seconds": Metadata("histogram", "", "seconds")}


def test_quoted_names():
    found = read('{"http.requests", "a label"="x"} 1\n# TYPE "http.requests" counter\n')
    assert found.labels == (Labels({"__name__": "http.requests", "a label": "x"}),)
    assert found.metadata["http.requests"].type == "counter"


def test_a_metric_keeps_the_name_it_is_written_with():
    # The library would call it foo_total; rules are written for what Prometheus calls it.
    assert read("# TYPE foo counter\nfoo 1\n").labels[0].name == "foo"


def test_an_empty_text_is_an_exposition_without_samples():
    assert read("").labels == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a 1\n<html>\n", 2),
        ("a\n", 1),
        ("a 1\n\nb x\n", 3),
        ("a 0x1p3\n", 1),
        ("a 1_000\n", 1),
        ("a 1e999\n", 1),
        ("a 1 2 3\n", 1),
        ("a 1 1.5\n", 1),
        ("a 1\r\n", 1),
        ('a{b="c} 1\n', 1),
        ('a{b="c" d="e"} 1\n', 1),
        ('a{b="c",b="d"} 1\n', 1),
        ("a{b} 1\n", 1),
        ("a{b=c} 1\n", 1),
        ('{b="c"} 1\n', 1),
        ('a{__name__="b"} 1\n', 1),
        ("1a 2\n", 1),
        ("a 1 99999999999999999999\n", 1),
        ("{" * 100_000 + "\n", 1),
        ('a{b="' + "\\" * 99_999 + "\n", 1),
        ("٣ 1\n", 1),
        ("a ٣\n", 1),
    ],
)
def test_what_is_no_exposition_is_refused_with_its_line(text, line):
    with pytest.raises(ParseError) as caught:
        read(text)
    assert caught.value.span is not None
    assert caught.value.span.line == line


def test_an_unknown_type_is_refused():
    with pytest.raises(ParseError):
        read("# TYPE a fancy\n")


@pytest.mark.parametrize(
    "text",
    ["", "a 1\n", "a 1\n# EOF\nb 2\n", "a  1\n# EOF\n", "a 1 1.5.5\n# EOF\n", "a 1 1e300\n# EOF\n"],
)
def test_openmetrics_is_read_strictly(text):
    with pytest.raises(ParseError):
        read(text, OPENMETRICS)


def test_invalid_utf8_is_refused_with_its_line():
    with pytest.raises(ParseError) as caught:
        Reader().read(b'a 1\nb{c="\xff"} 1\n', TEXT)
    assert caught.value.span.line == 2


def test_label_sets_over_the_limits_are_dropped_and_counted():
    reader = Reader(LabelLimits(labels=2, name=8, value=5))
    text = b'a{b="12345"} 1\na{b="123456"} 1\na{b="1",c="2"} 1\na{b23456789="1"} 1\n'
    for _ in range(2):
        found = reader.read(text, TEXT)
        assert len(found.labels) == 1
        assert found.dropped == {DropReason.LABEL_LIMIT: 3}


def test_label_sets_and_metadata_are_kept_between_scrapes():
    reader = Reader()
    first = reader.read(b'# HELP a b\na{b="c"} 1\n', TEXT)
    second = reader.read(b'# HELP a b\na{b="c"} 2\n', TEXT)
    assert second.labels[0] is first.labels[0]
    assert second.metadata is first.metadata
    reader.read(b"x 1\n", TEXT)
    assert list(reader._known) == ["x"]


# Text that often is an exposition and often just misses it.
pieces = st.sampled_from(
    ["a", "b_total", "{", "}", "{}", 'b="c"', 'd="e f"', '"q.r"', ",", " ", "  ", "\t", "1", "2.5", "NaN",
     "-Inf", "1e3", "1_0", " # ", "# ", "#", "\n", "\n", "\\", '"', "=", "# TYPE a counter\n", "# EOF\n", "\r", "é"]
)  # fmt: skip
texts = st.lists(pieces, max_size=14).map("".join)
lines = st.sampled_from(
    ["a 1", "a 2", "a{} 1", 'a{b="c d"} 1', 'a{b="c d"} 2 3', 'a{b="c d"}  4', "a 1 2", "a 1 # {} 5", "b 1 ",
     ' a{b="c"} 1', 'a{b="c"}1', 'a{b="c"} x', "a", "# HELP a b c", 'a{b="} 1"} 2', 'a{b="c} 1']
)  # fmt: skip
documents = st.one_of(texts, st.lists(lines, max_size=6).map(lambda each: "\n".join(each) + "\n"))


def outcome(reader: Reader, text: str, content_type: str):
    try:
        return samples(reader.read(text.encode(), content_type))
    except ParseError as error:
        return str(error)


@given(st.lists(st.tuples(documents, st.sampled_from([TEXT, OPENMETRICS])), min_size=2, max_size=6))
def test_the_short_way_finds_what_the_grammar_finds(scrapes):
    warm = Reader()
    for start, content_type in scrapes:
        text = start if content_type == TEXT else start + "# EOF\n"
        assert outcome(warm, text, content_type) == outcome(Reader(), text, content_type)


values = st.floats(allow_nan=True, allow_infinity=True)
label_values = st.text(max_size=8).filter(lambda text: "\r" not in text)


def by_library(text: str, parser):
    found = []
    for family in parser(text):
        for sample in family.samples:
            labels = Labels({"__name__": sample.name, **sample.labels})
            found.append((labels, float(sample.value)))
    return found


@given(st.dictionaries(label_values, values, max_size=5), st.lists(st.floats(0, 1e300), max_size=5))
def test_the_client_library_writes_what_we_read_as_it_does_itself(gauges, observed):
    registry = CollectorRegistry()
    gauge = Gauge("g", "Help \\ of\nit", ["l"], registry=registry)
    for label, value in gauges.items():
        gauge.labels(label).set(value)
    Counter("c", "", registry=registry).inc(3)
    Info("i", "", registry=registry).info({"version": "1"})
    summary = Summary("s", "", registry=registry)
    histogram = Histogram("h", "", ["x"], registry=registry).labels("y")
    for value in observed:
        summary.observe(value)
        histogram.observe(value, {"trace": "1"})
    for generate, parser, content_type in (
        (generate_text, parse_text, TEXT),
        (generate_openmetrics, parse_openmetrics, OPENMETRICS),
    ):
        text = generate(registry).decode()
        found = Reader().read(text.encode(), content_type)
        wanted = by_library(text, parser)
        assert sorted(found.labels) == sorted(labels for labels, _ in wanted)
        ours = dict(zip(found.labels, found.values, strict=True))
        assert all(np.array_equal(ours[labels], value, equal_nan=True) for labels, value in wanted)


@given(
    st.one_of(st.binary(max_size=60), documents.map(str.encode)),
    st.sampled_from([TEXT, OPENMETRICS, "", ";;"]),
)
def test_any_bytes_are_an_exposition_or_a_parse_error(body, content_type):
    try:
        found = Reader().read(body, content_type)
    except ParseError:
        return
    assert len(found.labels) == len(found.values)
