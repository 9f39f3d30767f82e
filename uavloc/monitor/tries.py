"""Who guesses the secret, slowed down by address: a few wrong ones at once, and then one in a while."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

AT_ONCE = 10
EVERY_S = 2.0
MOST_ADDRESSES = 1024
_NETWORK_BITS = 64
"""Of an IPv6 address: whoever has one has all that begin alike."""


class Tries:
    """Remembers until when the wrong secrets of an address count, and of so many addresses at most.

    Each counts for `EVERY_S`, one after the other. Where more addresses guess than are remembered, those are forgotten
    that would have been first. Times are seconds of one clock that does not go back.
    """

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}

    def wait_s(self, address: str, now_s: float) -> float:
        """How long nothing that an address brings is looked at; 0 where it is."""
        return max(0.0, self._until_s.get(_whose(address), now_s) - now_s - (AT_ONCE - 1) * EVERY_S)

    def failed(self, address: str, now_s: float) -> None:
        """An address brought a wrong secret."""
        whose = _whose(address)
        until_s = max(now_s, self._until_s.pop(whose, now_s)) + EVERY_S
        if len(self._until_s) >= MOST_ADDRESSES:
            del self._until_s[min(self._until_s, key=self._until_s.__getitem__)]
        self._until_s[whose] = until_s


@lru_cache(MOST_ADDRESSES)
def _whose(address: str) -> str:
    """What stands for an address and for those of the same owner."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or int(found) >> 128 - _NETWORK_BITS)
