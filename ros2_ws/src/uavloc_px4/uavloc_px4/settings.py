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

"""The parameters of the node: names, limits, what they are for."""

from __future__ import annotations

from pydantic import Field

from uavloc.flightconfig import PublishConfig
from uavloc.section import Section

_PUBLISH = PublishConfig()


class Settings(Section):
    """How positions go to PX4."""

    px4_version: str = Field(
        default='auto',
        description='Version of the firmware, such as 1.17; '
        'auto: the newest message that the installed px4_msgs has.',
    )
    px4_namespace: str = Field(
        default='', description='What stands before /fmu in the topics of this vehicle.'
    )
    rate_hz: float = Field(
        default=_PUBLISH.rate_hz, ge=1, le=50, description='Most positions sent a second.'
    )
    min_std_m: float = Field(
        default=_PUBLISH.min_std_m, gt=0, description='No smaller 1 sigma is ever claimed.'
    )
    delay_max_ms: float = Field(
        default=200.0,
        ge=0,
        le=1000,
        description='EKF2_DELAY_MAX of the vehicle; it drops what is older by 100 ms.',
    )
    sensor_id: int = Field(
        default=1, ge=1, le=255, description='EKF2_AGP0_ID of the vehicle (PX4 1.18 and later).'
    )
    body_frame: str = Field(
        default='base_link', description='Frame of the attitudes that are published.'
    )

    def topic(self, name: str) -> str:
        """Name a topic of PX4 of this vehicle."""
        space = self.px4_namespace.strip('/')
        return f'/{space}{name}' if space else name
