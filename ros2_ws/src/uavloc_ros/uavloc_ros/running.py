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

"""A process of nodes: it ends by SIGINT and SIGTERM, not by what a callback raises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException

from uavloc.errors import one_line


@contextmanager
def ros(args: list[str] | None) -> Iterator[None]:
    """ROS while this lasts; an end that is asked for from outside ends it anywhere."""
    rclpy.init(args=args)
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():
            raise
    finally:
        rclpy.try_shutdown()


def spin(executor: Any, nodes: Sequence[Any]) -> None:
    """
    Call back until the end is asked for.

    What a callback raises is said, and the flight goes on: rclpy itself raises for a transition
    that cannot be.
    """
    for node in nodes:
        executor.add_node(node)
    while rclpy.ok():
        try:
            executor.spin()
        except ExternalShutdownException:
            return
        except Exception as error:
            if rclpy.ok():
                nodes[0].get_logger().error(
                    f'a callback failed: {type(error).__name__}: {one_line(error)}'
                )
