"""Whose work a uavloc rests on: docs/third-party.md for people, a CycloneDX document (SBOM) for programs.

    python tools/third_party.py [--sbom uavloc.cdx.json]

Read from the metadata of the packages in this environment, which must have the extras cpu, build and replay; where a
package's metadata name no licence the tool stops, and `SAID` has to tell it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import tomli
from packaging.requirements import Requirement

from uavloc import __version__
from uavloc.card import engine_folder, list_engines, load_card

REPO = Path(__file__).resolve().parent.parent
EXTRAS = ("", "cpu", "build", "replay")
SAID: dict[str, str] = {}
"""Licences that the metadata do not tell, looked up in the package itself."""
HEAD = """# Third-party software

What an installation with `uavloc[cpu,build,replay]` consists of, from the metadata of the packages (made by
`tools/third_party.py`; with versions and as CycloneDX: `make sbom`). uavloc itself is Apache-2.0. Nothing of these
packages is part of uavloc's own wheel: pip installs them, each under its own licence.

| package | licence | needed by |
|---|---|---|
"""
ENGINES = """
## Engines

These are in the wheel: weights with the licence of their card.

| engine | licence | trained on |
|---|---|---|
"""
NOTES = """
## What to know

- **pymavlink is LGPL-3.0-or-later.** It is used as it is, as a package of its own that anyone can replace; uavloc
  contains none of it.
- Wheels of OpenCV and PyAV bring FFmpeg (LGPL-2.1-or-later), those of rasterio bring GDAL and PROJ (MIT) and their
  libraries; their texts are in the wheels.
- On Python 3.10 there are also tomli (MIT), and coloredlogs (MIT), humanfriendly (MIT), sympy and mpmath (BSD), which
  the last ONNX Runtime for it asks for.
- A Jetson's OpenCV, CUDA and TensorRT come with JetPack, under NVIDIA's terms.
"""


@dataclass(frozen=True)
class Part:
    """A package, and the extra that brings it (empty: always there)."""

    name: str
    version: str
    licence: str
    home: str
    extra: str


def parts() -> list[Part]:
    """Everything that is installed with the extras, each named once, by the first extra that needs it."""
    project = tomli.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, Part] = {}
    for extra in EXTRAS:
        wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
        for text in wanted:
            _collect(Requirement(text), extra, found)
    return sorted(found.values(), key=lambda part: part.name)


def _collect(requirement: Requirement, extra: str, found: dict[str, Part]) -> None:
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    if name in found or not (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
        return
    try:
        package = distribution(name)
    except PackageNotFoundError:
        sys.exit(f"{name}: not installed: run this where uavloc[cpu,build,replay] is")
    found[name] = Part(name, package.version, licence(package, name), home(package), extra)
    for text in package.requires or []:
        _collect(Requirement(text), extra, found)


def licence(package: Distribution, name: str) -> str:
    """The licence that a package's metadata tell, shortest form first."""
    facts = package.metadata
    classes = [
        line.split("::")[-1].strip() for line in facts.get_all("Classifier", []) if line.startswith("License ::")
    ]
    classes = [line for line in classes if line != "OSI Approved"]
    text = (facts.get("License") or "").strip()
    short = text if 0 < len(text) <= 60 and "\n" not in text else ""
    told = facts.get("License-Expression") or short or ", ".join(classes) or SAID.get(name)
    if not told:
        sys.exit(f"{name}: its metadata name no licence: look it up and put it into SAID of tools/third_party.py")
    return str(told)


def home(package: Distribution) -> str:
    """Where it comes from."""
    urls = dict(line.split(", ", 1) for line in package.metadata.get_all("Project-URL", []) if ", " in line)
    wanted = ("homepage", "source", "repository", "source code", "github", "documentation")
    named = {name.lower(): url for name, url in urls.items()}
    return package.metadata.get("Home-page") or next((named[name] for name in wanted if name in named), "")


def markdown(found: list[Part]) -> str:
    """The page for people, without versions: those change with every installation."""
    rows = []
    for part in found:
        name = f"[{part.name}]({part.home})" if part.home else part.name
        rows.append(f"| {name} | {part.licence} | {f'`[{part.extra}]`' if part.extra else 'everything'} |\n")
    cards = [load_card(engine_folder(name)) for name in list_engines()]
    engines = [f"| `{c.name}` | {c.licence} | {', '.join(c.training_data) or 'nothing'} |\n" for c in cards]
    return HEAD + "".join(rows) + ENGINES + "".join(engines) + NOTES


def sbom(found: list[Part]) -> dict[str, object]:
    """The same as CycloneDX 1.5, with versions; without a date, so that it comes out the same."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": _component("uavloc", __version__, "Apache-2.0")},
        "components": [_component(part.name, part.version, part.licence) for part in found],
    }


def _component(name: str, version: str, licence_text: str) -> dict[str, object]:
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
        "licenses": [{"license": {"name": licence_text}}],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sbom", type=Path, help="write only the CycloneDX document, to this file")
    arguments = parser.parse_args()
    found = parts()
    if arguments.sbom:
        arguments.sbom.write_text(json.dumps(sbom(found), indent=2) + "\n", encoding="utf-8")
        return 0
    (REPO / "docs" / "third-party.md").write_text(markdown(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
