"""Tiles at addresses with placeholders: XYZ, TMS (rows from the south) and quadkeys."""

from __future__ import annotations

import re

from uavloc.errors import InputError
from uavloc.sources.web.address import shown
from uavloc.sources.web.description import DEFAULT_ZOOM, Description
from uavloc.sources.web.service import Service

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("z", "x", "y", "-y", "q", "s")


def template_service(description: Description) -> Service:
    """The tiles of `{z}`, `{x}`, `{y}` or `{-y}`, or of `{q}`; `{s}` is one of the subdomains. Raises InputError."""
    url, where = description.url, shown(description.url)
    names = set(_PLACEHOLDER.findall(url))
    odd = sorted(names - {*_KNOWN})
    if odd:
        raise InputError(f"{where}: url: {{{odd[0][:40]}}} is not one of {' '.join(f'{{{n}}}' for n in _KNOWN)}")
    if not ("q" in names or ({"z", "x"} <= names and names & {"y", "-y"})):
        raise InputError(f"{where}: url: needs {{z}}, {{x}} and {{y}} or {{-y}}, or {{q}}")
    zoom = DEFAULT_ZOOM if description.zoom is None else description.zoom
    return Service(lambda column, row: _filled(description, zoom, column, row), zoom, description.tile_px)


def _filled(description: Description, zoom: int, column: int, row: int) -> str:
    south = (1 << zoom) - 1 - row
    hosts = description.subdomains.split(",") if "," in description.subdomains else list(description.subdomains)
    values = {
        "z": str(zoom),
        "x": str(column),
        "y": str(south if description.tms else row),
        "-y": str(south),
        "q": quadkey(zoom, column, row),
        "s": hosts[(column + row) % len(hosts)],
    }
    return _PLACEHOLDER.sub(lambda found: values[found[1]], description.url)


def quadkey(zoom: int, column: int, row: int) -> str:
    """A digit for each zoom, coarsest first: 1 where east, 2 where south, 3 where both."""
    return "".join(str((column >> bit & 1) + 2 * (row >> bit & 1)) for bit in range(zoom - 1, -1, -1))
