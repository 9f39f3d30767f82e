"""What stands after --ros-args."""

from __future__ import annotations

import json
import sys
from typing import Any

parameters: dict[str, Any] = {}
remaps: dict[str, str] = {}


def read_arguments(args: list[str] | None) -> None:
    """`-p NAME:=VALUE` and `-r FROM:=TO`."""
    words = list(sys.argv if args is None else args)
    words = words[words.index("--ros-args") + 1 :] if "--ros-args" in words else []
    for flag, text in zip(words[::2], words[1::2], strict=True):
        name, _, value = text.partition(":=")
        {"-p": parameters, "-r": remaps}[flag][name] = _value(value) if flag == "-p" else value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
