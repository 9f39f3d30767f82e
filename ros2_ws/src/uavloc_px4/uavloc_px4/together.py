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

"""Both nodes, that of uavloc_ros and that of this package, in one process."""

from __future__ import annotations

import sys

from uavloc_px4.node import Px4Node
from uavloc_ros.node import run


def main(args: list[str] | None = None) -> int:
    """As the node of uavloc_ros alone, with the other one beside it."""
    return run(args, lambda: [Px4Node()])


if __name__ == '__main__':
    sys.exit(main())
