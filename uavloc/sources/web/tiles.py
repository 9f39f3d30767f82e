"""Tiles of a server as a map source: fetched when they are read, and kept."""

from __future__ import annotations

import hashlib
import logging
import math
from datetime import datetime
from xml.etree.ElementTree import Element

from uavloc.errors import InputError
from uavloc.frames import TILE_PX, world_px_from_geo
from uavloc.sources.header import image_size, is_complete
from uavloc.sources.picture import MAX_TILE_BYTES, decode_tile
from uavloc.sources.tilegrid import Picture, Span, TileGrid, TileMap
from uavloc.sources.web import wms, wmts
from uavloc.sources.web.address import shown
from uavloc.sources.web.description import Description, describe
from uavloc.sources.web.fetch import Fetcher, Incomplete, Manners, excerpt
from uavloc.sources.web.service import Service
from uavloc.sources.web.store import Store, default_folder
from uavloc.sources.web.template import template_service
from uavloc.types import Bounds
from uavloc.xmltree import MAX_BYTES, parse_xml

MAX_TILES = 20_000_000
CAPABILITIES_KEEP_S = 86_400.0
_PICTURES = (b"\xff\xd8", b"\x89PNG", b"RIFF")

_log = logging.getLogger(__name__)


def open_web(text: str, within: Bounds | None = None, *, fresh: bool = False) -> WebTiles:
    """The source that an address with options, or a TOML file, describes; raises InputError, FetchError.

    `within` is the ground that will be read; a source that does not know its own bounds needs it. With `fresh` the
    server is asked anew for what was kept.
    """
    description = describe(text)
    manners = description.model_dump(include={"requests_per_s", "timeout_s", "retries", "plain_http", "contact"})
    fetcher = Fetcher(Store(default_folder()), Manners(**manners), fresh=fresh)
    return WebTiles(description, _service(description, fetcher), fetcher, within)


class WebTiles(TileMap):
    """One zoom of a map on a server, on the ground that is asked for. Raises InputError where it has none there.

    What is missing on the server is masked, and counted in `missing`.
    """

    def __init__(self, description: Description, service: Service, fetcher: Fetcher, within: Bounds | None) -> None:
        self._description = description
        self._service = service
        self._fetcher = fetcher
        self._bounds = _ground(shown(description.url), description.ground or service.bounds, within)
        self._missing: dict[tuple[int, int], float | None] = {}
        columns, rows = _span(self._bounds, service.tile_zoom)
        count = (columns[1] - columns[0] + 1) * (rows[1] - rows[0] + 1)
        if count > MAX_TILES:
            raise InputError(
                f"{shown(description.url)}: {count} tiles of zoom {service.tile_zoom}, more than {MAX_TILES}: give a "
                f"smaller region (not 'full'), or bounds"
            )
        self._grid = TileGrid(service.tile_zoom, service.tile_px, columns, rows, self._picture)

    @property
    def name(self) -> str:
        """The given name, else address and layer, without what may be a key."""
        return self._description.name or " ".join(filter(None, (shown(self._description.url), self._description.layer)))

    @property
    def bounds(self) -> Bounds:
        """The box of the description or of the server, cut to the ground that is asked for."""
        return self._bounds

    @property
    def date(self) -> str:
        """As described."""
        return self._description.date

    @property
    def licence(self) -> str:
        """Licence and attribution as described, else what the server says."""
        return self._description.rights or self._service.rights

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked for: the imagery itself is known only when it has been fetched."""
        return hashlib.sha256(f"web {self._description.identity} {self._grid.tile_zoom}".encode()).hexdigest()

    @property
    def answers(self) -> int:
        """How many answers came from the network, and not from what was kept."""
        return self._fetcher.answers

    @property
    def bytes(self) -> int:
        """How many bytes came from the network."""
        return self._fetcher.bytes

    @property
    def missing(self) -> int:
        """How many of the tiles that were read the server does not have."""
        return len(self._missing)

    @property
    def missing_kept(self) -> tuple[int, str] | None:
        """How many of these were not asked for now but in earlier runs, and the oldest day of those; None for none."""
        kept_s = [when for when in self._missing.values() if when is not None]
        return (len(kept_s), datetime.fromtimestamp(min(kept_s)).date().isoformat()) if kept_s else None

    @property
    def zoom(self) -> int:
        """The zoom of the pixels that are fetched."""
        return self._grid.zoom

    def _picture(self, column: int, row: int) -> Picture | None:
        url, side = self._service.url(column, row), self._service.tile_px
        content = self._fetcher.get(url, lambda where, data: check_tile(where, data, side), MAX_TILE_BYTES)
        if content is not None:
            return decode_tile(shown(url), content, side)
        if not self._missing:
            _log.warning("%s: the server has no tile there; such places stay empty, and are counted", shown(url))
        self._missing[column, row] = self._fetcher.kept_before_s(url)
        return None


def _service(description: Description, fetcher: Fetcher) -> Service:
    if description.kind == "xyz":
        return template_service(description)
    kind = wmts if description.kind == "wmts" else wms
    url = kind.capabilities_url(description.url)
    content = fetcher.get(url, _check_capabilities, MAX_BYTES, CAPABILITIES_KEEP_S)
    if content is None:
        raise InputError(f"{shown(url)}: no capabilities there")
    document = parse_xml(content)
    make = wmts.wmts_service if description.kind == "wmts" else wms.wms_service
    return make(description, document)


def _check_capabilities(where: str, data: bytes) -> None:
    try:
        root: Element = parse_xml(data)
    except ValueError as error:
        raise InputError(f"{where}: not a capabilities document: {error}: {excerpt(data)}") from error
    if root.tag not in ("Capabilities", "WMS_Capabilities", "WMT_MS_Capabilities"):
        raise InputError(f"{where}: not a capabilities document but {root.tag[:40]}: {excerpt(data)}")


def check_tile(where: str, data: bytes, side: int) -> None:
    """Raise InputError for what is not a tile of this side, Incomplete for the beginning of one."""
    size = image_size(data)
    if not data.startswith(_PICTURES):
        raise InputError(f"{where}: not a picture but {excerpt(data)}")
    if size is None or not is_complete(data):
        raise Incomplete("the picture is cut off")
    if size != (side, side):
        raise InputError(f"{where}: tile_px: the tile has {size[0]} x {size[1]} pixels, not {side}")


def _ground(where: str, bounds: Bounds | None, within: Bounds | None) -> Bounds:
    """The box to read: what there is, cut to what is asked for where they meet."""
    if bounds is None or within is None:
        box = bounds or within
        if box is None:
            raise InputError(f"{where}: bounds: not told, so the region cannot be 'full': give a box or a file")
        return box
    cut = Bounds(
        max(bounds.west_deg, within.west_deg), max(bounds.south_deg, within.south_deg),
        min(bounds.east_deg, within.east_deg), min(bounds.north_deg, within.north_deg),
    )  # fmt: skip
    return cut if cut.west_deg < cut.east_deg and cut.south_deg < cut.north_deg else bounds


def _span(bounds: Bounds, zoom: int) -> tuple[Span, Span]:
    """First and last column, first and last row of the tiles that share area with a box."""
    left, top = world_px_from_geo(bounds.north_deg, bounds.west_deg, zoom)
    right, bottom = world_px_from_geo(bounds.south_deg, bounds.east_deg, zoom)
    last = (1 << zoom) - 1
    columns, rows = (
        (max(0, math.floor(start / TILE_PX)), min(last, max(math.ceil(end / TILE_PX) - 1, math.floor(start / TILE_PX))))
        for start, end in ((left, right), (top, bottom))
    )
    return columns, rows
