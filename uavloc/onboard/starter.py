"""A configuration to begin with: every field of the onboard program, explained by its own description."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, get_args, get_origin

import tomli_w
from pydantic.fields import FieldInfo

from uavloc.config import CacheConfig, EngineConfig
from uavloc.flightconfig import (
    LinkConfig,
    MissionConfig,
    MonitorConfig,
    OnboardConfig,
    OperatorConfig,
    PublishConfig,
    RecorderConfig,
    SourceConfig,
)
from uavloc.section import Section

AutopilotChoice: TypeAlias = Literal["ardupilot", "px4"]
_SECTIONS: Mapping[str, type[Section]] = {
    "mission": MissionConfig,
    "source": SourceConfig,
    "link": LinkConfig,
    "publish": PublishConfig,
    "operator": OperatorConfig,
    "monitor": MonitorConfig,
    "recorder": RecorderConfig,
    "onboard": OnboardConfig,
    "engine": EngineConfig,
    "cache": CacheConfig,
}
_ALSO = {"link": "One table [[link]] for every connection; the first that is connected is spoken to."}
_COMMON: Mapping[tuple[str, str], Any] = {("mission", "cache"): "field.mbtiles", ("mission", "camera"): "camera.json"}
_OF: Mapping[AutopilotChoice, Mapping[tuple[str, str], Any]] = {
    "ardupilot": {("link", "url"): "udpin:127.0.0.1:14551"},
    "px4": {("link", "url"): "udpin:127.0.0.1:14540"},
}
_HEAD = """\
uavloc run --config THIS_FILE

Set mission.cache and mission.camera, say where pictures come from (source) and how the autopilot is reached (link).
Then, on the ground:
  uavloc run --config THIS_FILE --check    opens everything and says what is missing
  uavloc params --link URL                 says which parameters of the autopilot are wrong, and why
Paths count from the folder of this file. What is left out has its default; the settings of the localizer may be added.
"""
_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_WIDTH = 110


def starter(autopilot: AutopilotChoice) -> str:
    """TOML that `load_config` takes."""
    settings = {**_COMMON, **_OF[autopilot]}
    lines = [*_commented(_HEAD), ""]
    for name, section in _SECTIONS.items():
        lines += [*_commented(f"{section.__doc__ or ''} {_ALSO.get(name, '')}".strip())]
        lines += [f"[[{name}]]" if name == "link" else f"[{name}]"]
        for key, field in section.model_fields.items():
            lines += _commented(explained(field))
            lines += [tomli_w.dumps({key: settings.get((name, key), field.default)}).strip()]
        lines.append("")
    return "\n".join(lines)


def explained(field: FieldInfo) -> str:
    """A field's description with what it may be."""
    limits = [f"{word} {limit}" for each in field.metadata for name, word in _LIMITS.items()
              if (limit := getattr(each, name, None)) is not None]  # fmt: skip
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    allowed = ", ".join(map(str, choices)) or " and ".join(limits)
    default = tomli_w.dumps({"x": field.default}).removeprefix("x = ").strip()
    return f"{field.description or ''} [{allowed + '; ' if allowed else ''}default {default}]"


def _commented(text: str) -> Iterator[str]:
    for paragraph in text.splitlines():
        pieces = textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from (f"# {piece}".rstrip() for piece in pieces or [""])
