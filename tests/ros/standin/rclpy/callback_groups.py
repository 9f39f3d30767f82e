"""Which callbacks may run beside each other: each group one at a time."""

from __future__ import annotations

import threading


class MutuallyExclusiveCallbackGroup:
    def __init__(self) -> None:
        self.lock = threading.Lock()
