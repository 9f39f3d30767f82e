"""What, besides its events, a flight follows from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from uavloc.errors import InputError


@dataclass(frozen=True)
class FlightFacts:
    """The head of a recording: enough to repeat the flight, and to say why a repetition differs.

    `config` and `camera` are the texts of the files (TOML, JSON); `start` and `takeoff` are as the command line takes
    them (`none` and empty where there was none).
    """

    version: str
    config: str
    camera: str
    cache_digest: str
    engine: str
    engine_identity: str
    start: str = "none"
    takeoff: str = ""

    def as_metadata(self) -> dict[str, str]:
        """The facts as an MCAP metadata record holds them."""
        return asdict(self)

    @classmethod
    def from_metadata(cls, found: Mapping[str, str], where: str) -> FlightFacts:
        """The facts of a recording; raises InputError naming the one that is missing."""
        for field in fields(cls):
            if field.name not in found:
                raise InputError(f"{where}: {field.name}: missing: not a recording of uavloc, or damaged")
        return cls(**{field.name: found[field.name] for field in fields(cls)})
