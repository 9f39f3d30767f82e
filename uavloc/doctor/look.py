"""What a looking process does: gather the facts that its first word names, print them as JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys

from pydantic import BaseModel

from uavloc.errors import UavlocError, one_line

LOOKS = {
    "board": "board", "cache": "ready", "camera": "camera", "clock": "clocks", "disk": "disk", "gpu": "gpu",
    "gstreamer": "gstreamer", "link": "link", "memory": "ram", "opencv": "opencv", "packages": "packages",
    "monitor": "ready", "picture": "camera", "power": "power", "provider": "provider", "thermal": "thermal",
}  # fmt: skip
"""Name of a look → the file here whose `look_NAME(*words)` gathers it."""


def main() -> None:
    """Words: the look and what it needs. Only JSON reaches stdout, whatever libraries print there."""
    out = os.dup(1)
    os.dup2(2, 1)
    name, *words = sys.argv[1:]
    with os.fdopen(out, "w", encoding="utf-8") as told:
        json.dump(_told(name, words), told)
    os._exit(0)  # a thread that hangs in a driver is not waited for


def _told(name: str, words: list[str]) -> dict[str, object]:
    try:
        found: BaseModel = getattr(importlib.import_module(f"uavloc.doctor.{LOOKS[name]}"), f"look_{name}")(*words)
    except UavlocError as error:
        return {"facts": None, "problem": str(error)}
    except (OSError, ImportError) as error:
        return {"facts": None, "problem": one_line(error)}
    return {"facts": found.model_dump(mode="json"), "problem": ""}
