"""The conversation of TIMESYNC: asks the vehicle for its time, answers when it asks for ours.

A question carries the asker's time in `ts1` and 0 in `tc1`; the answer repeats `ts1` and puts its own time into `tc1`.
ArduPilot and PX4 both tell the time since their start, the clock that their messages are stamped with.
"""

from __future__ import annotations

from collections import deque

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.timesync import ClockModel

_OPEN_QUESTIONS = 8


class TimeKeeper:
    """Keeps the clock model of one link."""

    def __init__(self) -> None:
        self.model = ClockModel()
        self._asked_ns: deque[int] = deque(maxlen=_OPEN_QUESTIONS)

    def reset(self) -> None:
        """The vehicle's clock began anew."""
        self.model.reset()
        self._asked_ns.clear()

    def question(self, now_ns: int) -> Message:
        """To be sent at once."""
        self._asked_ns.append(now_ns)
        return mavlink().MAVLink_timesync_message(0, now_ns)

    def take(self, message: Message, arrival_ns: int, now_ns: int) -> Message | None:
        """Learn from a TIMESYNC; gives what is to be answered at once. Answers to others' questions are left alone."""
        if message.tc1 == 0:
            return mavlink().MAVLink_timesync_message(now_ns, message.ts1)
        if message.ts1 in self._asked_ns:
            self._asked_ns.remove(message.ts1)
            self.model.add(message.ts1, arrival_ns, message.tc1)
        return None
