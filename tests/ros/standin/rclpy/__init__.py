"""A stand-in for the part of rclpy that the nodes of this repository use, which really speaks DDS (cyclonedds).

With it the unchanged nodes run as processes where no ROS is installed. It is for tests only: it knows nothing beyond
what they need, and is strict where ROS is.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from rclpy._arguments import read_arguments

_stopping = threading.Event()
_reason: list[str] = []


def init(args: list[str] | None = None, **_: Any) -> None:
    """Read the arguments and take the signals, as ROS does."""
    read_arguments(args)
    _stopping.clear()
    signal.signal(signal.SIGTERM, lambda *_: shutdown("SIGTERM"))
    signal.signal(signal.SIGINT, lambda *_: shutdown("SIGINT"))


def ok(**_: Any) -> bool:
    """Whether nobody asked for the end."""
    return not _stopping.is_set()


def shutdown(reason: str = "") -> None:
    """End what spins."""
    _reason.append(reason)
    _stopping.set()


def try_shutdown(**_: Any) -> None:
    """The same; not for the second time."""
    _stopping.set()


def spin(node: Any, executor: Any = None) -> None:
    """Call what comes back to a node, until the end."""
    from rclpy.executors import SingleThreadedExecutor

    runs = executor or SingleThreadedExecutor()
    runs.add_node(node)
    runs.spin()
