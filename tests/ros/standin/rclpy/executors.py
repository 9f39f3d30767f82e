"""What calls back: threads that wait for their turn."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import rclpy

_POLL_S = 0.002


class ExternalShutdownException(Exception):
    """The end was asked for from outside."""


class SingleThreadedExecutor:
    """Calls back one after the other."""

    def __init__(self, num_threads: int = 1, **_: Any) -> None:
        self._nodes: list[Any] = []
        self._threads = num_threads
        self._running: list[Any] = []

    def add_node(self, node: Any) -> None:
        self._nodes.append(node)

    def remove_node(self, node: Any) -> None:
        self._nodes.remove(node)

    def shutdown(self, **_: Any) -> None:
        """Nothing is left to do."""

    def spin(self) -> None:
        """Until the end: that of SIGINT is a KeyboardInterrupt, any other an ExternalShutdownException.

        What a callback raised is raised here, and what else is due stays due for the next time.
        """
        with ThreadPoolExecutor(self._threads) as pool:
            while rclpy.ok():
                work = [work for node in self._nodes for work in node.due()]
                self._running += [pool.submit(each) for each in work if self._threads > 1]
                for done in [each for each in self._running if each.done()]:
                    self._running.remove(done)
                    done.result()
                for each in work if self._threads == 1 else []:
                    each()
                time.sleep(0.0 if work else _POLL_S)
        if "SIGINT" in rclpy._reason:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        raise ExternalShutdownException


class MultiThreadedExecutor(SingleThreadedExecutor):
    """Calls back side by side, where groups allow."""

    def __init__(self, num_threads: int = 4, **_: Any) -> None:
        super().__init__(num_threads)
