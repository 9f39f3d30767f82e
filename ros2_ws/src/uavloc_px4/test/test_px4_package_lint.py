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

"""The package as ROS wants packages: skipped where the checkers cannot be had."""

from __future__ import annotations

from pathlib import Path
import shutil
from typing import Any
import urllib.request

import pytest

PACKAGE = Path(__file__).resolve().parents[1]

SCHEMA = 'http://download.ros.org/schema/package_format3.xsd'


def linter(name: str) -> Any:
    return pytest.importorskip(f'{name}.main', reason=f'{name} is not installed').main


def test_every_source_begins_with_its_licence() -> None:
    assert linter('ament_copyright')(argv=[str(PACKAGE)]) == 0


def test_the_sources_are_in_the_style_of_ros() -> None:
    assert linter('ament_flake8')(argv=[str(PACKAGE)]) == 0


def test_the_docstrings_are_in_the_style_of_ros() -> None:
    assert linter('ament_pep257')(argv=[str(PACKAGE)]) == 0


def test_the_manifest_is_of_its_schema() -> None:
    check = linter('ament_xmllint')
    if shutil.which('xmllint') is None:
        pytest.skip('xmllint is not installed: sudo apt install libxml2-utils')
    if check(argv=[str(PACKAGE / 'package.xml')]) != 0:
        assert not can_be_fetched(), 'see what xmllint said'
        pytest.skip('the schema, which xmllint fetches, cannot be reached')


def can_be_fetched() -> bool:
    """Whether the schema is there."""
    try:
        urllib.request.urlopen(SCHEMA, timeout=10).close()
    except OSError:
        return False
    return True
