"""Python and its packages: too old, missing, two of a kind, one hiding another."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, absent, fail, ok, warn
from uavloc.doctor.requirement import Requirement, plain, requirement

TESTED = ((3, 10), (3, 12))
KINDS: dict[str, tuple[str, ...]] = {
    "onnxruntime": (
        "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-training",
        "ort-nightly", "ort-nightly-gpu",
    ),
    "cv2": (
        "opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless", "opencv",
    ),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss"),
    "tensorrt": ("tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-lean", "tensorrt-dispatch"),
}  # fmt: skip
"""Packages that install into the same folder: name of the import → names in registries."""
_NEEDED = ("cv2", "onnxruntime")
_EXTRAS = ("build", "replay")


class Package(Facts):
    """An installed package."""

    name: str
    version: str
    folder: str


class Packages(Facts):
    """`requires` are the lines of uavloc's metadata, `places` the folders that hold each import, first used first."""

    python: str
    prefix: str
    is_venv: bool
    installed: list[Package]
    requires: list[str]
    places: dict[str, list[str]]


def look_packages() -> Packages:
    """What this interpreter finds along its path."""
    found = importlib.metadata.distributions(path=sys.path)
    installed = [
        Package(name=plain(each.metadata["Name"]), version=each.version, folder=str(each.locate_file("")))
        for each in found
        if each.metadata["Name"]
    ]
    return Packages(
        python=platform.python_version(),
        prefix=sys.prefix,
        is_venv=sys.prefix != sys.base_prefix,
        installed=installed,
        requires=_requires(),
        places={module: _places(module, sys.path) for module in KINDS},
    )


def package_findings(packages: Packages) -> list[Finding]:
    """All that can be said without loading anything."""
    return [
        _python(packages),
        *_missing(packages),
        *_ranges(packages),
        *(_twins(module, packages) for module in KINDS if len(_of_kind(module, packages)) > 1),
        *(_hidden(module, packages) for module, places in packages.places.items() if len(places) > 1),
    ]


def _python(packages: Packages) -> Finding:
    version = tuple(int(part) for part in packages.python.split(".")[:2])
    told = f"Python {packages.python} in {packages.prefix}"
    if version < TESTED[0]:
        return fail("python", f"{told}: too old", "make the environment with Python 3.10 to 3.12")
    if version > TESTED[1]:
        return warn("python", f"{told}: newer than what uavloc is tested with", "take Python 3.10 to 3.12")
    if not packages.is_venv:
        return warn("python", f"{told}: no virtual environment", "python3 -m venv .venv (docs/install.md)")
    return ok("python", told)


def _missing(packages: Packages) -> list[Finding]:
    """Needed imports that are nowhere, and extras that are not complete."""
    installed = {package.name for package in packages.installed}
    wanted = [found for text in packages.requires if (found := requirement(text)) is not None]
    core = sorted(r.name for r in wanted if not r.extra and r.name not in installed)
    missing: list[Finding] = []
    if core:
        missing.append(fail("packages", f"missing: {', '.join(core)}", f"pip install {' '.join(core)}"))
    missing += [
        fail("packages", f"{module} is nowhere", "pip install 'uavloc[cpu]' (on a Jetson: docs/install.md)")
        for module in _NEEDED
        if not packages.places.get(module)
    ]
    if not packages.places.get("faiss"):
        missing.append(
            absent("packages", "faiss: needed for caches with an index and for cold starts", "pip install faiss-cpu")
        )
    for extra in _EXTRAS:
        lacking = sorted({r.name for r in wanted if r.extra == extra} - installed)
        if lacking:
            what = f"extra '{extra}' is not complete: {', '.join(lacking)}"
            missing.append(absent("packages", what, f"pip install 'uavloc[{extra}]', where it is wanted"))
    return missing


def _ranges(packages: Packages) -> list[Finding]:
    wanted = [found for text in packages.requires if (found := requirement(text)) is not None]
    outside = [text for package in _first_of_each(packages.installed) for text in _outside(package, wanted)]
    if outside:
        return [warn("packages", text, "pip install -U uavloc, with the extras in use") for text in outside]
    count = sum(
        1
        for package in _first_of_each(packages.installed)
        if any(r.name == package.name and r.extra != "dev" for r in wanted)
    )
    return [ok("packages", f"{count} that uavloc names are there, each within its range")] if count else []


def _outside(package: Package, wanted: Iterable[Requirement]) -> list[str]:
    """What is wrong with one package, told once."""
    wrong = [r for r in wanted if r.name == package.name and r.extra != "dev" and not r.accepts(package.version)]
    return [f"{package.name} {package.version}: uavloc is made for {wrong[0].range}"] if wrong else []


def _first_of_each(installed: Sequence[Package]) -> list[Package]:
    """The one of several versions that is imported: the first along the path."""
    return list({package.name: package for package in reversed(installed)}.values())


def _of_kind(module: str, packages: Packages) -> list[Package]:
    return [package for package in _first_of_each(packages.installed) if package.name in KINDS[module]]


def _twins(module: str, packages: Packages) -> Finding:
    both = sorted(_of_kind(module, packages), key=lambda package: package.name)
    names = " and ".join(f"{package.name} {package.version}" for package in both)
    keep = "the one for this machine"
    return warn(
        "packages",
        f"{names} write into the same folder ({module}): which one runs is chance",
        f"pip uninstall {' '.join(package.name for package in both)}, then install only {keep}",
    )


def _hidden(module: str, packages: Packages) -> Finding:
    used, *hidden = packages.places[module]
    removable = _of_kind(module, packages)
    fix = f"pip uninstall {' '.join(p.name for p in removable)}" if removable else f"remove it from {used}"
    return warn(
        "packages",
        f"{module} of {used} hides that of {', '.join(hidden)}",
        f"if the hidden one is the board's own: {fix}",
    )


def _requires() -> list[str]:
    try:
        return importlib.metadata.requires("uavloc") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _places(module: str, path: Iterable[str]) -> list[str]:
    """The folders of a path in which an import is found, each once."""
    folders = dict.fromkeys(Path(folder).resolve() for folder in path if folder)
    return [str(folder) for folder in folders if _holds(folder, module)]


def _holds(folder: Path, module: str) -> bool:
    package = folder / module
    return any(package.glob("__init__.*")) or any(folder.glob(f"{module}.*so"))
