"""One polite way to ask a server: slowly, with a name, again after a while when it fails, and never for too much."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from uavloc import __version__
from uavloc.errors import FetchError, InputError, MissingExtraError, one_line
from uavloc.sources.web.address import check_address, is_loopback, printable, shown
from uavloc.sources.web.store import Store

Check: TypeAlias = Callable[[str, bytes], None]
"""Raises InputError for content (of an address as shown) that is not what was asked for, `Incomplete` for a part."""
MAX_REDIRECTS = 5
MAX_WAIT_S = 300.0
"""A server that wants more patience than this is left alone."""
FIRST_WAIT_S = 0.5
KEEP_S = 30 * 86_400.0
_NOTHING_THERE = {204, 404, 410}
_LATER = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_OUT_OF_RANGE = b"TileOutOfRange"
"""How a WMTS says that it has no such tile."""
_CHUNK_BYTES = 1 << 16
_MAX_EXCUSE_BYTES = 1 << 16
_WHOLE_ANSWER = 10.0
"""A whole answer may take this many times the time of silence."""
_KEPT = "what was fetched is kept; the same command run again goes on from there"

_log = logging.getLogger(__name__)


class Incomplete(Exception):  # noqa: N818
    """Content that ends too early: worth another try."""


class _Momentary(Exception):  # noqa: N818
    """A failure that may be over soon, and how long the server wants us to wait, if it says so."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Manners:
    """How a server is treated. `timeout_s` is for silence; a whole answer may take ten times that long."""

    requests_per_s: float = 5.0
    timeout_s: float = 30.0
    retries: int = 5
    plain_http: bool = False
    contact: str = ""
    first_wait_s: float = FIRST_WAIT_S


class Fetcher:
    """Gets addresses from servers, or from the store where they were fetched before. Counts what it fetched.

    A `fresh` one uses nothing that was kept before it was made.
    """

    def __init__(self, store: Store, manners: Manners = Manners(), *, fresh: bool = False) -> None:
        self._began_s = time.time()
        self._fresh = fresh
        self.answers = 0
        self.bytes = 0
        self._store = store
        self._manners = manners
        self._pools: dict[str | None, Any] = {}

    def get(self, url: str, check: Check, max_bytes: int, keep_s: float = KEEP_S) -> bytes | None:
        """The content of an address, None where the server has nothing there.

        Raises InputError for an answer that will not get better, FetchError where the server cannot be reached.
        """
        content = self._kept(url, check, keep_s)
        if content is None:
            content = self._fetch(url, check, max_bytes)
            self._store.put(url, content)
            self.answers += 1
            self.bytes += len(content)
        return content or None

    def kept_before_s(self, url: str) -> float | None:
        """When an answer was kept that this run did not ask for, in seconds of the epoch; None for one that it did."""
        kept_s = self._store.kept_s(url)
        return kept_s if kept_s < self._began_s else None

    def _kept(self, url: str, check: Check, keep_s: float) -> bytes | None:
        """What the store has, if it is still what it was."""
        content = self._store.get(url, self._began_s if self._fresh else time.time() - keep_s)
        try:
            if content:
                check(shown(url), content)
        except (InputError, Incomplete):
            return None
        return content

    def _fetch(self, url: str, check: Check, max_bytes: int) -> bytes:
        """What the server says, empty where it has nothing, after some patience."""
        tries = self._manners.retries + 1
        for count in range(1, tries + 1):
            try:
                return self._ask(url, check, max_bytes)
            except _Momentary as failure:
                wait_s = failure.wait_s if failure.wait_s is not None else self._backoff_s(count)
                if wait_s > MAX_WAIT_S:
                    raise FetchError(f"{shown(url)}: {failure}, wants {wait_s:.0f} s of patience: {_KEPT}") from failure
                if count == tries:
                    tried = "once" if tries == 1 else f"{tries} times"
                    raise FetchError(f"{shown(url)}: {failure}, tried {tried}: {_KEPT}") from failure
                _log.debug("%s: %s, again in %.1f s", shown(url), failure, wait_s)
                time.sleep(wait_s)
        raise AssertionError("unreachable")

    def _backoff_s(self, count: int) -> float:
        """Twice as long each time, spread so that several clients do not come back together."""
        return float(min(self._manners.first_wait_s * 2 ** (count - 1), 60.0) * random.uniform(0.75, 1.25))  # noqa: S311

    def _ask(self, url: str, check: Check, max_bytes: int) -> bytes:
        """One try, wherever redirects lead."""
        from urllib3.exceptions import HTTPError

        at = url
        for _ in range(MAX_REDIRECTS + 1):
            with self._request(at) as response:
                try:
                    if response.status not in _REDIRECTS:
                        return self._content(shown(url), response, check, max_bytes)
                except HTTPError as error:
                    raise _Momentary(f"the answer broke off ({type(error).__name__})") from error
                at = self._redirected(url, urljoin(at, response.headers.get("Location", "")))
        raise InputError(f"{shown(url)}: more than {MAX_REDIRECTS} redirects")

    def _redirected(self, url: str, target: str) -> str:
        """Where a redirect leads; raises InputError where it must not be followed: out of https, or to this machine."""
        host = urlsplit(target).hostname or ""
        if is_loopback(host) and not is_loopback(urlsplit(url).hostname or ""):
            raise InputError(f"{shown(url)}: redirects to {shown(target)}, on this machine")
        try:
            check_address(target, self._manners.plain_http)
        except InputError as error:
            raise InputError(f"{shown(url)}: redirects to {error}") from error
        return target

    def _request(self, url: str) -> Any:
        """The head of an answer, in its turn."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, LocationValueError, SSLError

        check_address(url, self._manners.plain_http)
        pool = self._pool_for(url)
        self._store.wait_for_turn(urlsplit(url).netloc, 1.0 / self._manners.requests_per_s)
        try:
            return pool.request(
                "GET", url, headers=self._headers(), redirect=False, retries=False, preload_content=False,
                decode_content=False, timeout=Timeout(self._manners.timeout_s),
            )  # fmt: skip
        except LocationValueError as error:
            raise InputError(f"{shown(url)}: not an address: {one_line(error)}") from error
        except SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise InputError(f"{shown(url)}: its certificate is not trusted: {_reason(error)}") from error
            raise _Momentary(f"no secure connection: {_reason(error)}") from error
        except HTTPError as error:
            raise _Momentary(f"no answer: {_reason(error)}") from error

    def _headers(self) -> dict[str, str]:
        contact = f" ({self._manners.contact})" if self._manners.contact else ""
        return {"User-Agent": f"uavloc/{__version__}{contact}", "Accept-Encoding": "identity"}

    def _pool_for(self, url: str) -> Any:
        """Connections, through the proxy that the environment names."""
        try:
            from urllib3 import PoolManager, ProxyManager
        except ImportError:
            raise MissingExtraError("urllib3", "build") from None

        parts = urlsplit(url)
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        if proxy not in self._pools:
            self._pools[proxy] = ProxyManager(proxy) if proxy else PoolManager()
        return self._pools[proxy]

    def _content(self, where: str, response: Any, check: Check, max_bytes: int) -> bytes:
        """A whole and checked answer, empty where the server has nothing."""
        if response.status != 200:
            return _other_than_ok(where, response, self._body(where, response, _MAX_EXCUSE_BYTES, cut=True))
        body = self._body(where, response, max_bytes)
        if not body and response.headers.get("Content-Length") == "0":
            return b""
        if not body:
            raise _Momentary("an empty answer")
        try:
            check(where, body)
        except Incomplete as error:
            raise _Momentary(str(error)) from error
        return body

    def _body(self, where: str, response: Any, max_bytes: int, *, cut: bool = False) -> bytes:
        """What the server sends, as it comes; of more than is allowed the beginning, or InputError."""
        deadline = time.monotonic() + _WHOLE_ANSWER * self._manners.timeout_s
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes and not cut:
                raise InputError(f"{where}: the server sends more than {max_bytes >> 20} MiB")
            if len(body) > max_bytes:
                break
            if time.monotonic() > deadline:
                raise _Momentary("the answer comes too slowly")
        return bytes(body)


def _other_than_ok(where: str, response: Any, body: bytes) -> bytes:
    """Empty for an answer that says: nothing here; raises _Momentary or InputError for all others."""
    status = response.status
    if status in _NOTHING_THERE or (status == 400 and _OUT_OF_RANGE in body):
        return b""
    told = f"the server answers {status} {printable(response.reason or '', 40)}".rstrip()
    if status in _LATER or status >= 500:
        raise _Momentary(told, _retry_after_s(response.headers.get("Retry-After", "")))
    raise InputError(f"{where}: {told}: {excerpt(body)}")


def excerpt(body: bytes) -> str:
    """The beginning of what is not what it should be, safe to show."""
    return repr(printable(body[:400].decode("utf-8", "replace"), 100))


def _reason(error: Exception) -> str:
    """What a failure to connect says, without the objects urllib3 shows with it."""
    return printable(one_line(error).rpartition(": ")[2], 120)


def _retry_after_s(value: str) -> float | None:
    """Seconds of patience of the header Retry-After: a number or a date."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())
