"""The parts of a request, as access logs and the JSON lines of web servers have them.

Sources: Apache documentation, "Log Files"; nginx documentation, ngx_http_core_module, "Embedded
Variables" (`request_uri`, `remote_user` and their like are what JSON formats of nginx name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.correlation._weberror import probed

if TYPE_CHECKING:
    from tocsin.correlation._model import Value

__all__ = ["access_request", "json_request"]

_METHODS = ("method", "request_method", "http.request.method")
_TARGETS = ("request_uri", "uri", "url.original", "url")
_STATUS = ("status", "http.response.status_code")


def access_request(fields: dict[str, Value]) -> None:
    """Of a line in the combined or common format."""
    fields["event.dataset"] = "access"
    _split(fields, str(fields.get("request", "")))
    if fields.get("status") == "404" and probed(str(fields.get("path", ""))):
        fields["offence"] = "failure"
    for name in ("user", "referer", "agent"):
        if fields.get(name) == "-":
            del fields[name]


def json_request(fields: dict[str, Value]) -> None:
    """Of a JSON line, if it is about a request. What the line itself says in a field stays."""
    method = next((str(fields[each]) for each in _METHODS if each in fields), "")
    request = fields.get("request")
    if not method and not (isinstance(request, str) and any(each in fields for each in _STATUS)):
        return
    fields.setdefault("event.dataset", "http")
    if method:
        fields.setdefault("method", method)
        target = next((str(fields[each]) for each in _TARGETS if each in fields), "")
        if target and "url.path" not in fields:
            _target(fields, target)
    if "path" not in fields and "url.path" not in fields and isinstance(request, str):
        _split(fields, request)
    user = fields.get("remote_user")
    if user not in (None, "", "-"):
        fields.setdefault("user", str(user))


def _split(fields: dict[str, Value], request: str) -> None:
    parts = request.split(" ")
    if len(parts) in (2, 3):
        fields.setdefault("method", parts[0])
        _target(fields, parts[1])
        if len(parts) == 3:
            fields.setdefault("protocol", parts[2])


def _target(fields: dict[str, Value], target: str) -> None:
    path, mark, query = target.partition("?")
    fields.setdefault("uri", target)
    fields.setdefault("path", path)
    if mark:
        fields.setdefault("query", query)
