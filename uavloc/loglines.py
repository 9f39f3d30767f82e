"""What the program says on stderr: lines for people, or a JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import datetime, timezone
from typing import Any, Literal, TypeAlias, get_args

from uavloc.errors import printable

LogFormat: TypeAlias = Literal["text", "json"]
FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)
_PRIORITIES = {"error": 3, "warning": 4, "info": 6}
"""As syslog and the journal number them."""


class TextLines(logging.Formatter):
    """Warnings and errors say that they are."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        level = _level(record)
        return _prefix(level) + ("uavloc: " if level == "info" else f"uavloc: {level}: ") + record.getMessage()


class JsonLines(logging.Formatter):
    """Objects with `time` (UTC), `level`, `topic`, `message` and `fields`; after a mistake of ours its `traceback`.

    A record may bring `topic`, `said` (the message without topic and fields) and `fields`; else the topic is the part
    of the program that speaks.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        content = {
            "time": _utc(record.created),
            "level": _level(record),
            "topic": getattr(record, "topic", record.name.removeprefix("uavloc.")),
            "message": getattr(record, "said", record.getMessage()),
            "fields": getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return _prefix(_level(record)) + json.dumps(content)


def formatter(form: LogFormat) -> logging.Formatter:
    """What makes lines of records."""
    return JsonLines() if form == "json" else TextLines()


def error_line(message: str, form: LogFormat) -> str:
    """The last line of a program that ends because of an error."""
    text = printable(" ".join(message.split()))
    if form == "text":
        return f"{_prefix('error')}uavloc: error: {text}"
    content: dict[str, Any] = {
        "time": _utc(time.time()), "level": "error", "topic": "end", "message": text, "fields": {},
    }  # fmt: skip
    return _prefix("error") + json.dumps(content)


def _level(record: logging.LogRecord) -> str:
    return "info" if record.levelno < logging.WARNING else "warning" if record.levelno < logging.ERROR else "error"


def _utc(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s, timezone.utc):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _prefix(level: str) -> str:
    """Where stderr goes to the journal of systemd, the priority as it reads (and removes) it."""
    return f"<{_PRIORITIES[level]}>" if _is_journal() else ""


def _is_journal() -> bool:
    """Whether stderr is what systemd says that it connected to the journal."""
    told = os.environ.get("JOURNAL_STREAM", "")
    if not told:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return told == f"{found.st_dev}:{found.st_ino}"
