"""Login metrics and structured security events for web applications."""

from tocsin_sdk.events import EventName, FieldValue, Level, SecurityEvent
from tocsin_sdk.logs import JsonLines
from tocsin_sdk.recorder import security_event

__all__ = ["EventName", "FieldValue", "JsonLines", "Level", "SecurityEvent", "security_event"]
