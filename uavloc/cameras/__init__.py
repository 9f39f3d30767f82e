"""Cameras in flight: each kind of source in a file of its own, as a FrameSource."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from uavloc.cameras.capture import LiveCamera, VideoFile
from uavloc.cameras.feed import Feed
from uavloc.cameras.folder import FolderSource
from uavloc.cameras.gstreamer import Pipeline
from uavloc.clock import Clock
from uavloc.errors import ConfigError
from uavloc.flightconfig import SourceConfig
from uavloc.types import FrameSource

SOURCES: Mapping[str, Callable[[SourceConfig, Clock, Path], FrameSource]] = {
    "feed": Feed,
    "folder": FolderSource,
    "video": VideoFile,
    "rtsp": LiveCamera,
    "v4l2": LiveCamera,
    "gstreamer": Pipeline,
}


def open_source(config: SourceConfig, clock: Clock, folder: Path) -> FrameSource:
    """The source that a configuration names; relative paths count from `folder`.

    Raises ConfigError naming the field, LinkError where it cannot be opened now.
    """
    if config.kind in SOURCES:
        return SOURCES[config.kind](config, clock, folder)
    module, colon, name = config.kind.partition(":")
    if not colon:
        raise ConfigError(f"source.kind: '{config.kind}' is none of {', '.join(SOURCES)} nor package.module:Class")
    try:
        made: FrameSource = getattr(importlib.import_module(module), name)(config, clock, folder)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"source.kind: {config.kind}: {error}") from error
    return made
