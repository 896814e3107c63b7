"""What a scan must come to, by the plainest loop there is; and logs to hold it against."""

from __future__ import annotations

from collections import Counter

from tocsin.durations import MINUTE
from tocsin.logformat import Clues, Parsed, Reason, make_format
from tocsin.packs import apply_pack
from tocsin.pattern import DEFAULTS, Skip, Transformation, contribute, event_keys, make_filter
from tocsin.scan import ENGINES, LARGEST, Table, best_engine

INSTALLED = [each for each in ENGINES if each == "find" or best_engine() == each]


def filter_of(name, pattern, value="1", **more):
    transformation = Transformation(name, "Web", value, **more)
    return make_filter(
        name=name, log_group="web", pattern=pattern, transformations=[transformation]
    )


HTTP = [
    filter_of("NotFound", "[ip, id, user, time, request, status=404, size, ...]"),
    filter_of("ServerErrors", "[..., status=5*, size, referrer, agent]", default=0.0),
    filter_of("BadRequests", "[ip, id, user, time, request, status=400, rest]"),
    filter_of("Denied", "[ip, id, user, time, request, (status=401 || status=403), size, ...]"),
    filter_of("Critical", '"Critical Error"'),
]
"""The five filters of a web server's log."""

MORE = [
    filter_of("All", ""),
    filter_of("Exact", "[ip, id, user, time, request, status=4*, size, referrer, agent]"),
    filter_of("Last", "[ip, id, user, time, request, status=2*]"),
    filter_of("Bytes", "[ip, id, user, time, request, status=2*, size, ...]", "$size"),
    filter_of(
        "ByStatus",
        "[ip, id, user, time, request, status, size, ...]",
        dimensions=(("Status", "$status"),),
    ),
    filter_of("Posts", '[ip, id, user, time, request="POST*", status!=200, size, ...]'),
    filter_of("Logins", '[ip, id, user, time, request="*wp-login*", status=404, size, ref, agent]'),
    filter_of("Slow", "[ip, id, user, time, request, status, size>1000, referrer, agent]"),
    filter_of("Words", "?GET ?POST ?admin"),
    filter_of("Not", "GET -index"),
    filter_of("Regex", "%wp-login|\\.php%"),
    filter_of("Eleven", "[a, b, c, d, e, f=404, g, h, i, j, k]"),
    filter_of("Eight", "[a, b, c, d, e, f=404, g, h]"),
    filter_of("Huge", "[a, b, c, d, e, f=500, ...]", "1e300"),
    filter_of("Json", "{ $.status = 404 }"),
    filter_of("Named", "[ip=1.2.3.4, ...]"),
    filter_of("Range", "[..., status>=400 && status<500, size, ref, agent]"),
    filter_of("Any", "[a, b, c, d, e, f, g, ...]"),
    filter_of("Unicode", '"größe"'),
]


JSON = [
    filter_of("NotFound", "{ $.status = 404 }"),
    filter_of("ServerErrors", "{ $.status = 5* }", default=0.0),
    filter_of("Denied", "{ $.status = 401 || $.status = 403 }"),
    filter_of("NotOk", "{ $.status != 200 }"),
    filter_of("High", "{ ($.status >= 400) && ($.status < 500) }", "$.size"),
    filter_of("Missing", "{ $.status NOT EXISTS }"),
    filter_of("Null", "{ $.status IS NULL }"),
    filter_of("True", "{ $.status IS TRUE }"),
    filter_of("Two", "{ $.status = 404 && $.method = POST }"),
    filter_of("Deep", "{ $.http.status = 404 }"),
    filter_of("ByMethod", "{ $.status = 404 }", dimensions=(("Method", "$.method"),)),
    filter_of("Critical", '"Critical Error"'),
    filter_of("All", ""),
]

PACK = apply_pack("http", "web", "json", {}).filters
"""What is shipped for JSON lines."""

_BY_LEVEL = "{ $.http.status = 404 || $.level = ERROR }"
JSON_TREES = [
    *PACK,
    filter_of("Both", "{ $.status >= 400 && $.method = POST }"),
    filter_of("Either", "{ $.status = 404 || $.method = POST }", "2"),
    filter_of("Mixed", "{ ($.status = 4* || $.http.status = 404) && $.method != GET }"),
    filter_of("Unless", "{ $.method != POST && $.status != 200 }"),
    filter_of("Neither", "{ $.status NOT EXISTS && $.http.response NOT EXISTS }"),
    filter_of("Inner", "{ $.http.response.status_code NOT EXISTS }"),
    filter_of("Whole", "{ $.http IS NULL || $.http = 404 || $.http.status IS NULL }"),
    filter_of("State", "{ $.ok IS TRUE && $.status IS FALSE }"),
    filter_of("Three", "{ $.status = 0 || $.size = 0 || $.http.status = 1 }"),
    filter_of("Minus", '{ $.status = "-0" && $.size != "-0" }'),
    filter_of("Below", "{ $.status < 200 && $.size > -2 }"),
    filter_of("Regex", "{ $.method = %^PO% || $.status = %^40\\d$% }"),
    filter_of("Glob", '{ $.message = "*Critical*" && $.status = * }'),
    filter_of("Named", '{ $.message = "Critical Error" && $.level = "fatal" }'),
    filter_of("Alone", '{ $.log.level = "critical" }'),
    filter_of("Size", "{ $.status = 404 && $.method = POST }", "$.size"),
    filter_of("ByMethod", _BY_LEVEL, dimensions=(("Method", "$.method"),)),
    filter_of("ByCode", _BY_LEVEL, dimensions=(("Code", "$.http.response.status_code"),)),
    filter_of("Slow", "{ $.time_taken > 0.5 && $.status >= 200 }"),
    filter_of("Fast", "{ $.time_taken <= 0.1 || $.http.time_taken > 1e3 }"),
    filter_of("Far", "{ $.size >= 9007199254740993 || $.size < -1e2 || $.time_taken > 1e20 }"),
    filter_of("OnlySlow", "{ $.time_taken >= 5 }", "$.time_taken"),
    filter_of("Element", "{ $.tags[0] = 404 && $.status = 404 }"),
    filter_of("Wild", "{ $.http.* = 404 || $.status = 500 }"),
    filter_of("Time", "{ $.time.zone = 1 || $.time = 1714557600 || $.source.ip = 1 }"),
    filter_of("Odd", "{ $.['stä'] = 1 || $.status = 401 }"),
]
"""Conditions over several properties, and over properties of objects inside."""


def expected(block, filters, form=None, settings=DEFAULTS):
    """A table, line by line."""
    table, form = Table(sources={}), form or make_format("combined")
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for raw in lines:
        table.read += 1
        line = raw.removesuffix(b"\r")
        found = form.parse(line)
        if not line:
            table.dropped[Reason.EMPTY] += 1
        elif not isinstance(found, Parsed):
            table.dropped[found.reason] += 1
        else:
            table.counted += 1
            table.repeats += found.repeat - 1
            text = line if found.event is None else found.event
            minute = found.time - found.time % MINUTE
            for key in event_keys(filters):
                table.minutes.events[key, minute] += found.repeat
            for each in filters:
                given = contribute(each, text, settings)
                if given is None:
                    continue
                table.minutes.matches[each.key, minute] += found.repeat
                if isinstance(given, Skip):
                    table.minutes.skipped[each.key, given] += found.repeat
                elif abs(given.value) > LARGEST:
                    table.unusable += found.repeat
                else:
                    sample = (each.key, minute, given.dimensions, given.value)
                    table.minutes.samples[sample] += found.repeat
                    client = found.fields.get("client", "")[:100]
                    cell = table.sources.setdefault((each.key, minute, given.dimensions), Counter())
                    cell[client] += found.repeat
    return table


def plain(table):
    """What must be equal."""
    minutes = table.minutes
    return {
        "read": table.read,
        "counted": table.counted,
        "dropped": dict(table.dropped),
        "repeats": table.repeats,
        "unusable": table.unusable,
        "events": dict(minutes.events),
        "matches": dict(minutes.matches),
        "samples": dict(minutes.samples),
        "skipped": dict(minutes.skipped),
        "sources": {key: dict(cell) for key, cell in table.sources.items()},
    }


def form_of(name="combined"):
    return make_format(name, Clues())
