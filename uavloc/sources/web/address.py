"""Addresses of servers: which may be asked, and how they are shown (keys and passwords in them are not)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from uavloc.errors import InputError

MAX_LENGTH = 4096
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_ODD = re.compile(r"[\x00-\x20\x7f-\U0010ffff\"<>\\^`|]")
_PLACEHOLDERS = "{}"


def is_address(text: str) -> bool:
    """Whether a text begins like `https://`, with whatever scheme."""
    return _ADDRESS.match(text) is not None


def check_address(url: str, plain_http: bool, where: str = "") -> None:
    """Raise InputError unless a server may be asked this: https, or plain http where that is allowed or local.

    `where` is how the message names it, the address as shown where it is left out.
    """
    where = where or shown(url)
    if len(url) > MAX_LENGTH or _ODD.search(url):
        raise InputError(f"{where}: longer than {MAX_LENGTH} characters, or holds some that belong escaped (%20)")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{where}: not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"{where}: not an address of a server (https://...)")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"{where}: user and password in an address are not supported")
    if parts.scheme == "http" and not plain_http and not is_loopback(host):
        raise InputError(
            f"{where}: plain http can be read and altered on the way: use https, or allow it with "
            f"#plain_http=true behind the address (in a TOML file: plain_http = true)"
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, told by its name alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """An address for messages and manifests: without user, query and fragment, which may hold keys."""
    try:
        parts = urlsplit(url)
        place = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return printable(url.partition("?")[0], 80)
    return printable(f"{parts.scheme}://{place}{parts.path}", 200)


def printable(text: str, limit: int) -> str:
    """Text on one line, cut, and without what could steer a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def with_query(url: str, values: Mapping[str, str]) -> str:
    """An address with these values in its query, whatever it had under the same names in any case."""
    parts = urlsplit(url)
    names = {name.lower() for name in values}
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name.lower() not in names
    ]
    query = urlencode([*kept, *values.items()], quote_via=quote, safe=f"/:,{_PLACEHOLDERS}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def query_value(url: str, name: str) -> str:
    """A value of the query by its name in any case, empty where it has none."""
    return next((value for key, value in parse_qsl(urlsplit(url).query) if key.lower() == name.lower()), "")
