"""What a user says of a map on a server: a TOML file, or an address with the same keys behind a `#`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from uavloc.errors import InputError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, MAX_ZOOM
from uavloc.sources.web.address import check_address, is_address, query_value, shown
from uavloc.types import Bounds
from uavloc.validation import ISO_DATE, ONE_LINE, refusal

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_FILE_BYTES = 1 << 16
DEFAULT_ZOOM = 18
_MANNERS = {"requests_per_s", "timeout_s", "retries", "plain_http", "contact"}
"""Keys that do not change what is fetched."""


class Description(BaseModel):
    """The keys of the file (docs/sources.md); unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    url: str
    kind: Literal["xyz", "wmts", "wms"]
    name: str = Field(default="", max_length=200, pattern=ONE_LINE)
    layer: str = Field(default="", max_length=500, pattern=ONE_LINE)
    style: str = Field(default="", max_length=500, pattern=ONE_LINE)
    format: Literal["", "image/jpeg", "image/png", "image/webp"] = ""
    time: str = Field(default="", max_length=100, pattern=ONE_LINE)
    zoom: int | None = Field(default=None, ge=0, le=MAX_ZOOM)
    tile_px: int = Field(default=256)
    tms: bool = False
    subdomains: str = Field(default="abc", max_length=200, pattern=r"^[A-Za-z0-9,-]+$")
    bounds: tuple[float, float, float, float] | None = None
    date: str = Field(default="", pattern=ISO_DATE)
    licence: str = Field(default="", max_length=2000, pattern=ONE_LINE)
    attribution: str = Field(default="", max_length=2000, pattern=ONE_LINE)
    contact: str = Field(default="", max_length=200, pattern=r"^[\x20-\x7e]*$")
    requests_per_s: float = Field(default=5.0, gt=0.0, le=50.0)
    timeout_s: float = Field(default=30.0, gt=0.0, le=600.0)
    retries: int = Field(default=5, ge=0, le=20)
    plain_http: bool = False

    @model_validator(mode="before")
    @classmethod
    def _tell_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("url"), str) and "kind" not in values:
            values = {**values, "kind": _kind_of(values["url"])}
        return values

    @field_validator("tile_px")
    @classmethod
    def _is_a_tile(cls, side: int) -> int:
        if side not in (256, 512):
            raise ValueError("tiles have 256 or 512 pixels a side")
        return side

    @field_validator("bounds")
    @classmethod
    def _is_a_box(cls, box: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if box is not None:
            west, south, east, north = box
            if not (-180 <= west < east <= 180 and -MAX_MERCATOR_LAT_DEG <= south < north <= MAX_MERCATOR_LAT_DEG):
                raise ValueError("not west, south, east, north in degrees on the Web-Mercator map")
        return box

    @property
    def ground(self) -> Bounds | None:
        """Where the map is, if that is told."""
        return None if self.bounds is None else Bounds(*self.bounds)

    @property
    def rights(self) -> str:
        """Licence and attribution in one."""
        return "; ".join(text for text in (self.licence, self.attribution) if text)

    @property
    def identity(self) -> str:
        """Everything that shapes what is fetched, as text."""
        return self.model_dump_json(exclude=_MANNERS)


def describe(text: str) -> Description:
    """The description of an address or of a TOML file; raises InputError naming the key."""
    where, values = (shown(text), _of_address(text)) if is_address(text) else (text, _of_file(Path(text)))
    try:
        description = Description.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{where}: {refusal(error, Description)}") from error
    url = description.url
    check_address(url.replace("{", "").replace("}", ""), description.plain_http, shown(url))
    return description


def _kind_of(url: str) -> str | None:
    """What kind of server an address tells of; raises ValueError where it does not."""
    if "{" in url:
        return "xyz"
    for kind in ("wmts", "wms"):
        if query_value(url, "service").lower() == kind or url.lower().endswith(f"{kind}capabilities.xml"):
            return kind
    raise ValueError("kind: missing: 'xyz' (an address with {z}, {x}, {y}), 'wmts' or 'wms'")


def _of_address(text: str) -> dict[str, Any]:
    url, _, fragment = text.partition("#")
    values: dict[str, Any] = {"url": url}
    try:
        pairs = parse_qsl(fragment, keep_blank_values=True, strict_parsing=bool(fragment))
    except ValueError:
        raise InputError(f"{shown(text)}: behind # belong keys and values: #zoom=18&licence=...") from None
    for key, value in pairs:
        if key in values:
            raise InputError(f"{shown(text)}: {key}: given twice")
        values[key] = value.split(",") if key == "bounds" else value
    return values


def _of_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path}: larger than {MAX_FILE_BYTES >> 10} KiB")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
