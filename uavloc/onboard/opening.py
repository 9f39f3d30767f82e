"""What is opened before a flight, by one configuration file: each refusal names that file and the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config, load_config
from uavloc.encode import load_engine
from uavloc.errors import CacheError, ConfigError, EngineError, InputError, UsageError
from uavloc.localizer import Localizer, OnLook
from uavloc.onboard.ground import ground_of
from uavloc.onboard.localizing import Fitted
from uavloc.runadvice import check_start
from uavloc.starttext import point_from_text, start_from_text
from uavloc.tiles import TileCache
from uavloc.types import Encoder, GeoPoint, Start


class Opening:
    """What a configuration names, opened when it is asked for. Raises ConfigError for a file that cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path.absolute().parent
        self.config = with_whole_paths(load_config(path), self.folder)

    @cached_property
    def start(self) -> Start | None:
        """Where the flight begins; raises ConfigError."""
        with self.naming("mission.start"):
            return start_from_text(self.config.mission.start)

    @cached_property
    def takeoff(self) -> GeoPoint | None:
        """Where heights over take-off count from; raises ConfigError."""
        with self.naming("mission.takeoff"):
            return point_from_text(self.config.mission.takeoff) if self.config.mission.takeoff else None

    @cached_property
    def camera(self) -> CameraModel:
        """The camera; raises ConfigError."""
        with self.naming("mission.camera"):
            return load_camera(self._file(self.config.mission.camera, "no camera file (camera.json)"))

    @cached_property
    def encoder(self) -> Encoder:
        """The engine; raises ConfigError, MissingExtraError."""
        engine = self.config.engine
        with self.naming("engine.name"):
            return load_engine(engine.name, engine.threads, engine.provider, engine.precision)

    @cached_property
    def cache(self) -> TileCache:
        """The tile cache, verified; raises ConfigError, MissingExtraError."""
        encoder, key = self.encoder, self.config.cache.public_key
        with self.naming("mission.cache"):
            return TileCache.open(self._file(self.config.mission.cache, "no tile cache"), encoder, key)

    def check_start(self) -> None:
        """Raise ConfigError for a start that cannot lie on the map."""
        start, cache = self.start, self.cache
        with self.naming("mission.start"):
            if start is not None:
                check_start(start, cache)

    def fitted(self, takeoff: GeoPoint | None, on_look: OnLook | None = None) -> Fitted:
        """A localizer for the start on the cache; raises ConfigError, MissingExtraError."""
        camera, start, cache = self.camera, self.start, self.cache
        with self.naming("mission.cache"):
            localizer = Localizer(cache, self.encoder, camera, self.config, start, takeoff, on_look)
            return Fitted(localizer, cache, ground_of(cache))

    def fitted_to(self, path: Path, takeoff: GeoPoint | None, on_look: OnLook | None = None) -> Fitted:
        """A localizer for another cache that knows of no start; raises CacheError and others of opening one."""
        cache = TileCache.open(path, self.encoder, self.config.cache.public_key)
        try:
            localizer = Localizer(cache, self.encoder, self.camera, self.config, None, takeoff, on_look)
            return Fitted(localizer, cache, ground_of(cache))
        except Exception:
            cache.close()
            raise

    @contextmanager
    def naming(self, field: str) -> Iterator[None]:
        """Refusals inside are refusals of a field of the configuration."""
        try:
            yield
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from error
        except (CacheError, EngineError, InputError, UsageError) as error:
            raise ConfigError(f"{self.path}: {field}: {error}") from error

    def _file(self, name: str, missing: str) -> Path:
        if not name:
            raise InputError(f"names {missing}")
        if not Path(name).is_file():
            raise InputError(f"{name}: no such file")
        return Path(name)


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
        }
    )
