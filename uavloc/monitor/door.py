"""The door of the monitor: who is let in, who is asked for the secret, and who has guessed too often to be heard."""

from __future__ import annotations

import math
import time
from typing import Any, TypeAlias

from uavloc.monitor.access import Access, Refusal
from uavloc.monitor.pages import login_page
from uavloc.monitor.tries import Tries

Request: TypeAlias = Any
Response: TypeAlias = Any
WebSocket: TypeAlias = Any
"""Of starlette, which is not loaded with this file."""

HEALTH = "/healthz"


class Door:
    """Decides what is answered at all, for one thread."""

    def __init__(self, access: Access) -> None:
        """On loopback no guesses are counted: in a tunnel all have one address, and one of them would shut out all."""
        self._access = access
        self._tries = None if access.loopback else Tries()

    def refusal(self, asked: Request | WebSocket, *, effect: bool) -> Refusal | None:
        """Why something is not answered; None where it is. `effect`: it changes something, or listens."""
        path = asked.url.path
        refusal = self._too_many(asked) if path != HEALTH else None
        if refusal is None:
            public = path in {HEALTH, "/login"} or (path == "/" and "token" in asked.query_params)
            refusal = self._access.refusal(asked.headers, effect=effect, public=public)
            if refusal is not None and refusal.guessed:
                self._guessed(asked)
        return refusal

    def refused(self, asked: Request | WebSocket, refusal: Refusal) -> Response:
        """What is answered then; nothing more is heard over that connection."""
        from starlette.responses import HTMLResponse, PlainTextResponse

        headers = {"Connection": "close"}
        if refusal.login:
            headers["WWW-Authenticate"] = "Bearer"
        if refusal.wait_s:
            headers["Retry-After"] = str(refusal.wait_s)
        if asked.url.path in {"/", "/login"} and refusal.status in {401, 429}:
            page, policy = login_page("" if refusal.login else refusal.said)
            return HTMLResponse(page, refusal.status, {**headers, "Content-Security-Policy": policy})
        return PlainTextResponse(f"{refusal.said}\n", refusal.status, headers)

    def let_in(self, request: Request, text: str) -> Response:
        """Give the cookie to who knows the secret, and take the secret out of the address."""
        from starlette.responses import RedirectResponse

        refusal = self._too_many(request)
        if refusal is None and self._access.secret is not None and not self._access.is_secret(text.strip()):
            self._guessed(request)
            refusal = Refusal(401, "That is not the secret.")
        if refusal is not None:
            return self.refused(request, refusal)
        response = RedirectResponse("/", 303)
        if self._access.secret is not None:
            secure = request.headers.get("origin", "").startswith("https:")
            response.set_cookie(
                self._access.cookie, self._access.pass_word, httponly=True, samesite="lax", secure=secure
            )
        return response

    def _too_many(self, asked: Request | WebSocket) -> Refusal | None:
        wait_s = 0.0 if self._tries is None else self._tries.wait_s(_address(asked), time.monotonic())
        said = f"too many wrong secrets came from this address: try again in {math.ceil(wait_s)} s"
        return Refusal(429, said, wait_s=math.ceil(wait_s)) if wait_s else None

    def _guessed(self, asked: Request | WebSocket) -> None:
        if self._tries is not None:
            self._tries.failed(_address(asked), time.monotonic())


def _address(asked: Request | WebSocket) -> str:
    """Whom an answer goes to; one for all who were gone before they could be asked."""
    return "::" if asked.client is None else str(asked.client.host)
