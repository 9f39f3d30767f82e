"""What goes on, for the journal: a line whenever something changes, none while it does not."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass

from uavloc.errors import printable

_QUIET_S = 2.0
_REMEMBERED = 40

_log = logging.getLogger("uavloc.onboard")


@dataclass(frozen=True)
class Said:
    """A line of the journal; `t_s` is of the monotonic clock."""

    t_s: float
    topic: str
    text: str
    bad: bool


class Report:
    """Says of each topic what is new. What changes more often than every two seconds is said when it stays."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, float]] = {}
        self.recent: deque[Said] = deque(maxlen=_REMEMBERED)
        """The newest lines."""

    def tell(self, topic: str, text: str, *, bad: bool = False, **fields: object) -> None:
        """Say how it is with a topic now, and how long it was otherwise, unless that is what was said last.

        `fields` are for those who read the lines as JSON: what the text tells, as values.
        """
        before, since_s = self._said.get(topic, ("", -_QUIET_S))
        lasted_s = time.monotonic() - since_s
        if text != before and lasted_s >= _QUIET_S:
            self._said[topic] = (text, time.monotonic())
            after = f" (after {lasted_s:.1f} s)" if before else ""
            self.recent.append(Said(time.monotonic(), topic, printable(text), bad))
            if before:
                fields["after_s"] = round(lasted_s, 1)
            structured = {"topic": topic, "said": printable(text), "fields": fields}
            level = logging.WARNING if bad else logging.INFO
            _log.log(level, "%s: %s%s", topic, printable(text), after, extra=structured)
