"""Points of time."""

from __future__ import annotations

from typing import Any


class Time:
    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        self.nanoseconds = int(seconds * 1e9) + nanoseconds

    def to_msg(self) -> Any:
        from builtin_interfaces.msg import Time as Message

        return Message(sec=self.nanoseconds // 10**9, nanosec=self.nanoseconds % 10**9)
