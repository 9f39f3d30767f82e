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

"""The parameters of the node: names, limits, uses; all else is in the file `config_file` names."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from uavloc.logs.flight import RATE_HZ
from uavloc.section import Section


class Settings(Section):
    """What ROS adds to a configuration."""

    config_file: str = Field(default='', description='The TOML that `uavloc run` takes.')
    autostart: bool = Field(default=False, description='Configure and activate at once.')
    queue: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description='Pictures that wait; 1: the newest only, more: every one, of a bag.',
    )
    max_rate_hz: float = Field(
        default=RATE_HZ, gt=0, le=1000, description='Most pictures a second that are used.'
    )
    height_above: Literal['take-off', 'ground', 'amsl'] = Field(
        default='take-off', description='What `height` counts from: take-off, ground or amsl.'
    )
    use_odometry: bool = Field(
        default=False, description='Hear `odometry`: never one that GNSS is part of.'
    )
    map_frame: str = Field(
        default='map', description='Frame of poses and odometry: east, north, up.'
    )
    base_frame: str = Field(default='base_link', description='Frame of the body.')
    publish_tf: bool = Field(default=False, description='Say map_frame to base_frame on /tf.')
    debug_image: bool = Field(
        default=False, description='Say each frame beside the map on ~/debug_image.'
    )

    keep_state: bool = Field(
        default=False,
        description='Go on after a restart, by the file of mission.state; not for bags.',
    )

    @field_validator('config_file')
    @classmethod
    def _is_named(cls, path: str) -> str:
        if not path:
            raise ValueError('names no file (the TOML that uavloc run takes)')
        return path

    @property
    def keeps_all(self) -> bool:
        """Whether no picture may be lost."""
        return self.queue > 1
