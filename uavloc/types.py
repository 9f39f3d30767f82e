"""What flows through the house: events in, estimates out. Frozen, small, with units in the names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Pixels: TypeAlias = NDArray[np.uint8]
"""Image, H x W (grey) or H x W x 3 (RGB), 8 bit."""
Mask: TypeAlias = NDArray[np.bool_]
"""H x W, true where the pixels beside it are real."""

VerticalDatum: TypeAlias = Literal["amsl", "ellipsoid"]
"""What a height counts from: a geoid (mean sea level, whichever model of it), or the ellipsoid of WGS84.

They are up to 107 m apart, and nothing here converts one into the other.
"""

FALSE_ERROR_M = 50.0
"""A published position farther from the truth than this is false."""
CHI2_95 = 5.991
"""95 % quantile of chi-square with 2 degrees of freedom: the squared size of a 95 % ellipse."""


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A place on WGS84; height is carried apart, with its datum."""

    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """A box in degrees, west < east and south < north (no antimeridian)."""

    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A camera picture at the time of its exposure; `image` is None when it could not be read.

    `encoded` is the JPEG or PNG that it came as, where it did: what a recorder keeps.
    """

    t_ns: int
    name: str
    image: Pixels | None
    encoded: bytes | None = None


@dataclass(frozen=True, slots=True)
class Attitude:
    """Orientation of the vehicle with 1-sigma of (roll, pitch, yaw); a yaw std of pi or more means: yaw unknown.

    It is `assumed` where roll or pitch were not measured but are taken as level.
    """

    t_ns: int
    ned_from_body: Float
    std_rad: tuple[float, float, float]
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Height:
    """Height of the vehicle above the ground below it, with 1-sigma.

    It is `assumed` where it was not measured but is the height above take-off, taken as if the land were flat.
    """

    t_ns: int
    agl_m: float
    std_m: float
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Altitude:
    """Height of the vehicle over a vertical datum or over the place it took off from, with 1-sigma.

    What that is above the ground depends on the terrain, and so on where the vehicle is.
    """

    t_ns: int
    alt_m: float
    std_m: float
    above: VerticalDatum | Literal["take-off"]


@dataclass(frozen=True, slots=True)
class Velocity:
    """Measured ground velocity (north, east), with 1-sigma per axis."""

    t_ns: int
    vel_ne_mps: tuple[float, float]
    std_mps: float


@dataclass(frozen=True, slots=True)
class Imu:
    """What accelerometer and gyro feel in the body's axes (forward, right, down).

    The specific force is what is left of an acceleration without gravity: level and at rest 9.8 m/s2 upward.
    """

    t_ns: int
    force_mps2: tuple[float, float, float]
    rate_radps: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Airspeed:
    """Measured true air speed, with 1-sigma: that of the sensor and of the air density."""

    t_ns: int
    true_mps: float
    std_mps: float


@dataclass(frozen=True, slots=True)
class Truth:
    """Where the vehicle really was. Read by the evaluation only: it never reaches the localizer.

    `terrain` is what lies below, in the words of whoever made the truth; empty where unknown.
    """

    t_ns: int
    name: str
    point: GeoPoint
    terrain: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """Where an operator, asked or not, says in flight that the vehicle is: a prior, not a truth."""

    t_ns: int
    start: Start


Event: TypeAlias = Frame | Attitude | Height | Altitude | Velocity | Imu | Airspeed | Hint


class Outcome(str, Enum):
    """What became of a frame."""

    FIX = "FIX"
    NO_IMAGE = "NO_IMAGE"
    FROZEN = "FROZEN"
    NO_ATTITUDE = "NO_ATTITUDE"
    STALE_ATTITUDE = "STALE_ATTITUDE"
    NO_HEIGHT = "NO_HEIGHT"
    OUTSIDE_CACHE = "OUTSIDE_CACHE"
    LOW_TEXTURE = "LOW_TEXTURE"
    LOW_SCORE = "LOW_SCORE"
    AMBIGUOUS = "AMBIGUOUS"
    GATED = "GATED"
    LOST = "LOST"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Patch:
    """A frame laid on the ground: north up, `gsd_m` (north, east) metres per pixel.

    `nadir_px` is the continuous (x, y) pixel, corner-based, of the point below the vehicle; it may lie outside.
    """

    image: Pixels
    mask: Mask
    gsd_m: tuple[float, float]
    nadir_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Dense descriptors, N x C x h x w float32 in [-1, 1], one cell per `stride` pixels, with their N x h x w mask.

    Where the mask is false the descriptor is zero.
    """

    data: Float32
    mask: Mask


@dataclass(frozen=True, slots=True)
class Match:
    """Where a patch may lie on the map, seen from the centre of the search.

    `offset_ne_m` places the vehicle relative to that centre; `heading_rad` and `log_scale` are the corrections (added
    to the heading, and as exp(log_scale) multiplied into the height) under which patch and map agreed best. `score` is
    the peak correlation in units of the noise of the surface, `rival` the highest score elsewhere on it; `margin` is
    how much evidence (nats) the place keeps over the best place elsewhere. `cell` is the turn, row and column of the
    peak on the surface.
    """

    offset_ne_m: tuple[float, float]
    cov_ne_m2: Float
    heading_rad: float
    heading_std_rad: float
    log_scale: float
    log_scale_std: float
    score: float
    rival: float
    margin: float
    cell: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Region:
    """A square of the map that a frame may show: a candidate to be checked, never a position.

    `point` is where the vehicle would then be, `heading_rad` where it heads (clockwise from north), `radius_m` half the
    side of the square. `score` is the cosine similarity of the two views and tells whether the view is on the map at
    all; `surprise` ranks the places of one map: how far the score stands out, in robust standard deviations, from what
    the same frame scores all over it.
    """

    point: GeoPoint
    zoom: int
    radius_m: float
    heading_rad: float
    score: float
    surprise: float


@dataclass(frozen=True, slots=True)
class Start:
    """Where an operator says the vehicle is, with 1-sigma per axis: a prior, not a truth."""

    point: GeoPoint
    std_m: float


@dataclass(frozen=True, slots=True)
class Fix:
    """An accepted absolute position from the map."""

    t_ns: int
    point: GeoPoint
    cov_ne_m2: Float
    match: Match


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is published for a frame; `point` is None while the position is unknown.

    `vel_std_mps` is the 1 sigma of the velocity along the worst direction. `protection_m` is the radius that the error
    exceeds with the probability of the configuration only; `log_odds` the logarithm of the odds that the published
    position is the right place. Both are None while unpublished or unknown.
    """

    t_ns: int
    name: str
    outcome: Outcome
    point: GeoPoint | None = None
    cov_ne_m2: Float | None = None
    vel_ne_mps: tuple[float, float] | None = None
    vel_std_mps: float | None = None
    heading_rad: float | None = None
    fix: Fix | None = None
    protection_m: float | None = None
    log_odds: float | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapImage:
    """A piece of map on a Web-Mercator pixel grid: RGB pixels and the mask that travels with them."""

    rgb: Pixels
    mask: Mask


class Encoder(Protocol):
    """Turns pictures into descriptors, the same way on the map and on the frame: dense ones, global ones, or both."""

    @property
    def name(self) -> str:
        """Name of the engine folder."""

    @property
    def identity(self) -> str:
        """SHA-256 over model and facts: a cache built with another one is refused."""

    @property
    def stride(self) -> int:
        """Pixels per descriptor cell; picture sides must be multiples of it. 1 without a dense head."""

    @property
    def channels(self) -> int:
        """Length of a dense descriptor; 0 without a dense head."""

    @property
    def halo_px(self) -> int:
        """How far, in pixels, surroundings influence a cell; 0 without a dense head."""

    @property
    def global_dim(self) -> int:
        """Length of a global descriptor; 0 without a global head."""

    @property
    def window_px(self) -> int:
        """Side of the square picture the global head is made for; 0 without one."""

    @property
    def gsd_range_m(self) -> tuple[float, float]:
        """Finest and coarsest metres per pixel the engine is made for."""

    def encode(self, images: Pixels, masks: Mask) -> Descriptors:
        """Descriptors of N grey (N x H x W) or RGB (N x H x W x 3) pictures with their masks (N x H x W).

        Raises EngineError without a dense head.
        """

    def describe(self, images: Pixels, masks: Mask) -> Float32:
        """N x `global_dim`: a row of length 1 for each grey or RGB picture of `window_px` a side, with its mask.

        The row of a picture without a real pixel is zero. Raises EngineError without a global head.
        """


class MapSource(Protocol):
    """Imagery with a georeference."""

    @property
    def name(self) -> str:
        """What the manifest records as the origin: usually the file name."""

    @property
    def bounds(self) -> Bounds:
        """The box around everything the source covers."""

    @property
    def gsd_m(self) -> float:
        """True ground metres per source pixel, at the middle of the source."""

    @property
    def date(self) -> str:
        """When the imagery was taken, ISO 8601 (possibly only year or year-month), empty when unknown."""

    @property
    def licence(self) -> str:
        """Licence or attribution, empty when unknown."""

    @property
    def digest(self) -> str:
        """SHA-256 of the imagery, to know when a rebuild is needed."""

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels, resampled; mask false where the source has nothing."""


class ElevationSource(Protocol):
    """A terrain model: heights of the ground with a georeference."""

    @property
    def name(self) -> str:
        """What the manifest records as the origin: usually the file name."""

    @property
    def resolution_m(self) -> float:
        """Ground metres between its samples, at its middle."""

    @property
    def datum(self) -> VerticalDatum:
        """What its heights count from."""

    @property
    def vertical_crs(self) -> str:
        """The same as the file says it, or how it is known: never empty."""

    @property
    def licence(self) -> str:
        """Licence or attribution, empty when unknown."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file or files, to know when a rebuild is needed."""

    def elevations(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> Float32:
        """Heights in metres (height x width) at the centres of a window of world pixels; NaN where it has none.

        Raises InputError where a height is not one of this Earth.
        """


class LogReader(Protocol):
    """A recorded flight as a time-ordered stream of events."""

    def __len__(self) -> int:
        """How many frames the flight holds."""

    def events(self) -> Iterator[Event]:
        """Events in time order; what a frame needs comes before it."""


class FrameSource(Protocol):
    """A camera in flight."""

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, stamped at their exposure on the flight's clock.

        A camera that is lost is waited for; the iterator ends only where nothing more can come, or after `close`.
        """

    def close(self) -> None:
        """Let go of the camera; a `frames` that waits in another thread ends. May be called more than once."""


class Publisher(Protocol):
    """Takes estimates to a file, an autopilot or a bus."""

    def publish(self, estimate: Estimate) -> None:
        """Send or write one estimate."""

    def close(self) -> None:
        """Finish: after this everything published is complete."""


Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total) as long work goes on."""
Shown: TypeAlias = Callable[[str], AbstractContextManager[Progress]]
"""Gives, while a piece of work with this label goes on, what is called with its progress."""
Precision: TypeAlias = Literal["fp32", "fp16", "int8"]
"""Which variant of an engine is computed."""
KEY_DIGITS = r"[0-9a-fA-F]{64}"
"""A public key written out, in place of the path of its file."""
Provider: TypeAlias = Literal["cpu", "cuda", "tensorrt-ep", "tensorrt"]
"""What computes it."""
