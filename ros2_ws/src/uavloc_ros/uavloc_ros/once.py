# Copyright 2026 The uavloc developers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Messages of one topic that are heard in two ways, so that none is lost and none counts twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

_REMEMBERED = 1024


class Once:
    """
    Hands on the first copy of each message, told apart by their stamps.

    One without a stamp counts only as best effort brings it.

    Heard reliably, large pictures all arrive (of 1.5 MB, best effort lost two of five on a socket
    of the usual size); with best effort, those of a publisher that offers no more do.
    """

    def __init__(self, heard: Callable[[Any], None]) -> None:
        self._heard, self._seen = heard, deque[tuple[int, int]](maxlen=_REMEMBERED)

    def best_effort(self, message: Any) -> None:
        """Take a copy that came so."""
        self._first(message, unstamped=True)

    def reliable(self, message: Any) -> None:
        """Take a copy that came so."""
        self._first(message, unstamped=False)

    def _first(self, message: Any, *, unstamped: bool) -> None:
        stamp = message.header.stamp
        key = stamp.sec, stamp.nanosec
        if key == (0, 0):
            if unstamped:
                self._heard(message)
        elif key not in self._seen:
            self._seen.append(key)
            self._heard(message)
