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

"""Parameters of a node as a section of settings: declared, described and checked from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from rcl_interfaces.msg import ParameterDescriptor

from uavloc.errors import ConfigError
from uavloc.section import Section
from uavloc.validation import refusal

Kind = TypeVar('Kind', bound=Section)


def declare(node: Any, kind: type[Section]) -> None:
    """Declare all of a section; of whichever type, since they are checked together."""
    for name, field in kind.model_fields.items():
        told = ParameterDescriptor(description=field.description or '', dynamic_typing=True)
        node.declare_parameter(name, field.default, told)


def read(node: Any, kind: type[Kind]) -> Kind:
    """Read the settings as the parameters are now; raises ConfigError as `checked` does."""
    return checked(kind, {name: node.get_parameter(name).value for name in kind.model_fields})


def checked(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Check these values; raises ConfigError for one that is of another kind or out of range."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise ConfigError(f'parameter {refusal(error, kind)}') from error
