"""The only file that knows pymavlink: MAVLink 2 in the dialect of ArduPilot, which holds all common messages."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

Message: TypeAlias = Any
"""A MAVLink message of pymavlink: fields are attributes, `get_type()` is its name, `get_msgId()` its number."""


@cache
def mavlink() -> Any:
    """The module of the dialect: `MAVLink_<name>_message` classes (fields in the order of the XML) and constants."""
    from pymavlink.dialects.v20 import ardupilotmega

    return ardupilotmega
