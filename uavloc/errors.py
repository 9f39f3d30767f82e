"""Everything uavloc refuses says so with one of these, in one readable line naming file and field."""

from __future__ import annotations


class UavlocError(Exception):
    """Base of every error a user can cause or meet; the command line prints it as one line."""


class UsageError(UavlocError):
    """The command was called with arguments that cannot work."""


class ConfigError(UavlocError):
    """A configuration value is unknown, malformed or out of range."""


class InputError(UavlocError):
    """An input file is missing, malformed or contradicts another one."""


class RegionError(UavlocError):
    """A region is malformed, empty, out of the source or crosses an edge of the map."""


class CacheError(UavlocError):
    """A tile cache is truncated, altered, of another version or built with another engine."""


class EngineError(UavlocError):
    """An engine folder is incomplete, altered, or its model does not do what its card says."""


class MissingExtraError(UavlocError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'uavloc[{extra}]' (in a checkout: '.[{extra}]')")
        self._arguments = package, extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """So that one raised by a worker can be raised again by the build."""
        return MissingExtraError, self._arguments


class BuildError(UavlocError):
    """A build could not be completed; an older cache, if there was one, is untouched."""


class FetchError(UavlocError):
    """A server cannot be reached or does not answer in time, or what it sends cannot be kept."""


class LinkError(UavlocError):
    """A MAVLink connection, a camera or a socket of the onboard program cannot be opened, or was lost for good."""


class StoppedError(UavlocError):
    """The operator stopped the work; the message tells what is kept."""


def one_line(error: Exception) -> str:
    """What a library says of a failure, on one line and not too long."""
    return " ".join(str(error).split())[:300]


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: what cannot be printed becomes a question mark."""
    return "".join(c if c.isprintable() else "?" for c in text)
