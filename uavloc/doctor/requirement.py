"""Requirements as uavloc's own metadata writes them: `numpy>=1.26`, `onnxruntime>=1.18; extra == 'cpu'`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([^;]*)(?:;(.*))?")
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9][0-9A-Za-z.]*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """`extra` is empty for what is always needed; `bounds` are pairs such as (">=", "1.26")."""

    name: str
    extra: str
    bounds: tuple[tuple[str, str], ...]

    @property
    def range(self) -> str:
        """The bounds as written."""
        return ",".join(sign + version for sign, version in self.bounds)

    def accepts(self, version: str) -> bool:
        """Whether a version lies within all bounds."""
        return all(_holds(version, sign, bound) for sign, bound in self.bounds)


def requirement(text: str) -> Requirement | None:
    """One line of metadata; None of a form that is not ours, or that is for another Python."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    name, bounds, marker = found[1], found[2], found[3] or ""
    if "python_version" in marker:
        return None
    extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", marker)
    return Requirement(plain(name), extra[1] if extra else "", tuple(_BOUND.findall(bounds)))


def plain(name: str) -> str:
    """The name of a package as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, without zeros at its end: a release candidate counts as its release."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in found[0].split(".")] if found and len(found[0]) < 40 else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _holds(version: str, sign: str, bound: str) -> bool:
    ours, theirs = numbers(version), numbers(bound)
    return {
        ">=": ours >= theirs, "<=": ours <= theirs, "==": ours == theirs, "!=": ours != theirs,
        "<": ours < theirs, ">": ours > theirs,
    }[sign]  # fmt: skip
