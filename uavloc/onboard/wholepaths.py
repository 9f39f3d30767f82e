"""Paths of a configuration count from the folder of its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from uavloc.config import Config


def with_whole_paths(config: Config, folder: Path) -> Config:
    """The configuration with every path that is not empty counted from a folder; that of the key is already."""

    def whole(text: str) -> str:
        return str(folder / text) if text else ""

    def changed(section: Any, **fields: Callable[[str], str]) -> Any:
        return section.model_copy(update={name: of(getattr(section, name)) for name, of in fields.items()})

    def engine(text: str) -> str:
        return whole(text) if "/" in text else text

    return config.model_copy(
        update={
            "mission": changed(config.mission, cache=whole, camera=whole, state=whole),
            "engine": changed(config.engine, name=engine),
            "link": tuple(changed(link, key=whole) for link in config.link),
            "recorder": changed(config.recorder, folder=whole),
            "operator": changed(config.operator, socket=whole),
            "monitor": changed(config.monitor, token=whole),
        }
    )
