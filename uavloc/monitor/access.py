"""Who may ask what: decided from the headers of a request alone, before anything else is done with it.

Against a page of somebody else in the operator's browser: the Host must be a name of ours (one that was made to point
here, DNS rebinding, is none), and what has an effect must come from our own page (Origin) or bring the secret itself.
"""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")

_MOST_COOKIES = 2


@dataclass(frozen=True)
class Refusal:
    """What is answered instead; `login`: with the secret it would be allowed, `guessed`: a wrong one was brought,
    `wait_s`: not before then.
    """

    status: int
    said: str
    login: bool = False
    guessed: bool = False
    wait_s: int = 0


@dataclass(frozen=True)
class Access:
    """The rules of one address. `names` may stand in Host, besides numbers; loopback ones only where it is loopback."""

    loopback: bool
    port: int
    secret: str | None = None
    names: Sequence[str] = ()

    @property
    def cookie(self) -> str:
        """Name of the cookie: cookies of one host are sent to all its ports."""
        return f"uavloc-{self.port}"

    @property
    def pass_word(self) -> str:
        """What the cookie holds: follows from the secret, does not tell it."""
        return hmac.digest((self.secret or "").encode(), b"uavloc monitor cookie", "sha256").hex()

    def refusal(self, headers: Mapping[str, str], *, effect: bool, public: bool = False) -> Refusal | None:
        """Why a request with these headers (names in small letters) is not answered; None where it is.

        `effect`: it changes something, or listens to the flight; `public`: everyone may ask it.
        """
        if not self._is_ours(headers.get("host", "")):
            return Refusal(421, "this Host is none of this program: see monitor.hosts")
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and headers.get("sec-fetch-mode") != "navigate":
            return Refusal(403, "asked by a page of somebody else")
        bearer, cookies = self._bears(headers), self._cookies(headers)
        known = bearer or any(_same(value, self.pass_word) for value in cookies)
        guessed = not known and ("authorization" in headers or bool(cookies))
        if effect and not (bearer or self._is_own_page(headers)):
            said = "only our own page may ask this (Origin), or who brings the secret (Authorization)"
            return Refusal(403, said, guessed=guessed)
        if public or self.secret is None or known:
            return None
        return Refusal(401, "the secret of monitor.token is asked for", login=True, guessed=guessed)

    def is_secret(self, text: str) -> bool:
        """Whether a text is the secret; takes the same time for all."""
        return self.secret is not None and _same(text, self.secret)

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["host"].lower()
        try:
            return ip_address(name.strip("[]")).is_loopback or not self.loopback
        except ValueError:
            own = () if self.loopback else (socket.gethostname().lower(),)
            return name in {"localhost", *own, *(each.lower() for each in self.names)}

    def _is_own_page(self, headers: Mapping[str, str]) -> bool:
        scheme, _, host = headers.get("origin", "").partition("://")
        return scheme in {"http", "https"} and host == headers.get("host")

    def _bears(self, headers: Mapping[str, str]) -> bool:
        kind, _, text = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.is_secret(text.strip())

    def _cookies(self, headers: Mapping[str, str]) -> list[str]:
        """The first values of our cookie, since a request is to try few secrets.

        Cookies of other programs of this host come along, in any form: `http.cookies` stops at what is none, and takes
        seconds of processor time for 60 kB of quotes.
        """
        pairs = (each.partition("=") for each in headers.get("cookie", "").split(";"))
        return [value.strip() for name, _, value in pairs if name.strip() == self.cookie][:_MOST_COOKIES]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(sha256(one.encode()).digest(), sha256(other.encode()).digest())
