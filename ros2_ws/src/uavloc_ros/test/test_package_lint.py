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

"""The package as ROS wants packages: skipped where the checkers are not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("checker", "path"), [("ament_xmllint", "package.xml"), ("ament_copyright", ".")])
def test_the_checker_has_nothing_to_say(checker: str, path: str) -> None:
    main = pytest.importorskip(f"{checker}.main", reason=f"{checker} is not installed").main
    assert main(argv=[str(PACKAGE / path)]) == 0
