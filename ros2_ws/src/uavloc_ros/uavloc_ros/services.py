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

"""The services: what an operator may ask, and the answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

from nav_msgs.srv import LoadMap
import rclpy
from std_srvs.srv import SetBool

from uavloc.errors import ConfigError, UavlocError
from uavloc.onboard.operating import Operator
from uavloc.types import GeoPoint

try:
    from uavloc_msgs.srv import Relocalize
except ImportError:
    Relocalize = None

_LOAD_S = 300.0
_OPENING_S = 0.02


class Services:
    """Answers while there is an `operator`, which may come and go."""

    def __init__(self, operator: Callable[[], Operator | None], logger: Any) -> None:
        self._operator, self._logger = operator, logger

    def offered(self) -> list[tuple[Any, str, Callable[[Any, Any], Any]]]:
        """(type, name, answer) of each."""
        services: list[tuple[Any, str, Callable[[Any, Any], Any]]] = [
            (SetBool, '~/pause', self.pause),
            (LoadMap, '~/load_cache', self.load_cache),
        ]
        if Relocalize is None:
            self._logger.warning('uavloc_msgs is not built: there is no service relocalize')
            return services
        return [*services, (Relocalize, '~/relocalize', self.relocalize)]

    def pause(self, request: Any, response: Any) -> Any:
        """std_srvs/srv/SetBool: no positions are published, or they are again."""
        operator = self._operator()
        response.success, response.message = operator is not None, 'not configured'
        if operator is not None:
            response.message = operator.pause() if request.data else operator.resume()
        return response

    def relocalize(self, request: Any, response: Any) -> Any:
        """uavloc_msgs/srv/Relocalize: a hint."""
        operator = self._operator()
        try:
            if operator is None:
                raise ConfigError('not configured')
            response.message = operator.hint(
                GeoPoint(request.latitude, request.longitude), request.radius
            )
            response.success = True
        except UavlocError as error:
            response.success, response.message = False, str(error)
        return response

    def load_cache(self, request: Any, response: Any) -> Any:
        """nav_msgs/srv/LoadMap: answered when the cache is open, or not to be opened."""
        operator, path = self._operator(), Path(request.map_url.removeprefix('file://'))
        results = LoadMap.Response
        response.result = results.RESULT_UNDEFINED_FAILURE
        if operator is None:
            return response
        if not path.is_file():
            response.result = results.RESULT_MAP_DOES_NOT_EXIST
            return response
        try:
            said = _opened(operator, path)
        except UavlocError as error:
            self._logger.error(str(error))
            return response
        # One line for each severity: rclpy remembers that of a place in the source, and raises for
        # another one.
        if said.startswith('opened'):
            self._logger.info(f'cache: {said}')
            response.result = results.RESULT_SUCCESS
        else:
            self._logger.error(f'cache: {said}')
            response.result = results.RESULT_INVALID_MAP_DATA
        return response


def _opened(operator: Operator, path: Path) -> str:
    """Open another cache, and say what became of it."""
    said, until_s = operator.switch(path), time.monotonic() + _LOAD_S
    while said.startswith('opening') and time.monotonic() < until_s and rclpy.ok():
        time.sleep(_OPENING_S)
        said = str(operator.status()['switch'])
    return said
