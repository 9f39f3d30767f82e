"""What is opened before a flight, by one configuration file: each refusal names that file and the field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from uavloc.camera import CameraModel, load_camera
from uavloc.config import load_config
from uavloc.encode import load_engine
from uavloc.errors import CacheError, ConfigError, EngineError, InputError, UsageError
from uavloc.localizer import Localizer, OnLook
from uavloc.onboard.ground import ground_of
from uavloc.onboard.localizing import Fitted
from uavloc.onboard.wholepaths import with_whole_paths
from uavloc.replay.advice import check_start
from uavloc.starttext import point_from_text, start_from_text
from uavloc.tiles import TileCache
from uavloc.types import Encoder, GeoPoint, Start


class Opening:
    """What a configuration names, opened when it is asked for. Raises ConfigError for a file that cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path.absolute().parent
        self.config = with_whole_paths(load_config(path), self.folder)
        self.on_look: OnLook | None = None
        """Shown every search of the map by the localizers that are made from then on."""

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

    def fitted(self, takeoff: GeoPoint | None) -> Fitted:
        """A localizer for the start on the cache; raises ConfigError, MissingExtraError."""
        camera, start, cache = self.camera, self.start, self.cache
        with self.naming("mission.cache"):
            localizer = Localizer(cache, self.encoder, camera, self.config, start, takeoff, self.on_look)
            return Fitted(localizer, cache, ground_of(cache))

    def fitted_to(self, path: Path, takeoff: GeoPoint | None) -> Fitted:
        """A localizer for another cache that knows of no start; raises CacheError and others of opening one."""
        cache = TileCache.open(path, self.encoder, self.config.cache.public_key)
        try:
            localizer = Localizer(cache, self.encoder, self.camera, self.config, None, takeoff, self.on_look)
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
