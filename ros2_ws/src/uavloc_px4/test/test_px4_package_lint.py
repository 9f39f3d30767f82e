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

"""The package as ROS wants packages: skipped where the checkers, or what they need, cannot be had."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]

SCHEMA = "http://download.ros.org/schema/package_format3.xsd"


def test_every_source_begins_with_its_licence() -> None:
    main = pytest.importorskip("ament_copyright.main", reason="ament_copyright is not installed").main
    assert main(argv=[str(PACKAGE)]) == 0


def test_the_manifest_is_of_its_schema() -> None:
    main = pytest.importorskip("ament_xmllint.main", reason="ament_xmllint is not installed").main
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint is not installed: sudo apt install libxml2-utils")
    try:
        urllib.request.urlopen(SCHEMA, timeout=10).close()
    except OSError:
        pytest.skip("the schema, which xmllint fetches, cannot be reached")
    assert main(argv=[str(PACKAGE / "package.xml")]) == 0
