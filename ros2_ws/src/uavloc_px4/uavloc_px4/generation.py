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

"""Which message PX4 takes a position in, and under which name its topics go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import re
from typing import Any

from uavloc.autopilot.routes import SENSOR_SINCE
from uavloc.errors import ConfigError

POSITION_TOPIC = '/fmu/in/aux_global_position'


@dataclass(frozen=True, slots=True)
class Generation:
    """A message type of px4_msgs, and what lets PX4 fuse it: the switch, and all that matter."""

    type_name: str
    switch: str
    prefix: str


OLD = Generation('VehicleGlobalPosition', 'EKF2_AGP_CTRL 1', 'EKF2_AGP')
"""PX4 1.15 to 1.17."""
NEW = Generation('AuxGlobalPosition', 'EKF2_AGP0_ID {id} and EKF2_AGP0_CTRL 1', 'EKF2_AGP0')
"""PX4 1.18 and later: several sources, told apart by an id."""


def generation_for(px4_version: str, is_installed: Callable[[str], bool]) -> Generation:
    """
    Choose the message for a version of PX4, such as 1.17; `auto`: the newest in px4_msgs.

    Raises ConfigError for what is no version, for one before 1.15, and where px4_msgs has no such
    message.
    """
    if px4_version == 'auto':
        wanted = NEW if is_installed(NEW.type_name) else OLD
    else:
        wanted = NEW if _parsed(px4_version) >= SENSOR_SINCE[:2] else OLD
    if not is_installed(wanted.type_name):
        raise ConfigError(
            f'px4_version {px4_version}: the installed px4_msgs has no {wanted.type_name}; '
            'build the branch of px4_msgs that belongs to the firmware'
        )
    return wanted


def topic_of(topic: str, message_type: Any) -> str:
    """Name a topic as PX4 does: from 1.16 on with the version of its message, unless it is 0."""
    version = int(getattr(message_type, 'MESSAGE_VERSION', 0))
    return f'{topic}_v{version}' if version else topic


def _parsed(px4_version: str) -> tuple[int, int]:
    found = re.fullmatch(r'v?(\d{1,3})\.(\d{1,3})(\.\d{1,3})?', px4_version)
    version = (int(found[1]), int(found[2])) if found else None
    if version is None:
        raise ConfigError(
            f'px4_version: "{px4_version}" is no version; give one such as 1.17, or auto'
        )
    if version < (1, 15):
        raise ConfigError(f'px4_version {px4_version}: PX4 takes aux_global_position from 1.15 on')
    return version
