"""Imports go down only: the layers of docs/architecture.md, checked by reading the import statements.

A new file gets a line in `LAYERS` or `EDGES` below (a package is one entry with everything in it). A heavy or optional
package gets a line in `OWNERS`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PACKAGE = REPO / "uavloc"

LAYERS: dict[str, int] = {
    # 0: what everything may see
    "__init__": 0,
    # 1: the ground
    **dict.fromkeys(["clock", "errors", "files", "formats", "frames", "helperprocess", "onnxfile", "parallel"], 1),
    **dict.fromkeys(["memory", "section", "sqlcheck", "types", "validation", "xmltree"], 1),
    # 2: shared facts and arithmetic
    **dict.fromkeys(
        ["cachefile", "camera", "card", "config", "correlation", "pixels", "region", "regionfile", "terrain", "turns"],
        2,
    ),
    **dict.fromkeys(["airdensity", "inertial", "strapdown"], 2),
    **dict.fromkeys(["attitudes", "cells", "flightconfig", "imagefile", "indexfile", "keys", "mapage", "starttext"], 2),
    **dict.fromkeys(["consensus", "evidence", "levels", "paired", "predict", "reuse", "signature"], 3),
    **dict.fromkeys(["state", "wind", "workfile"], 3),
    # 4: the stages, which do not know each other
    **dict.fromkeys(["encode", "filter", "odometry", "ortho", "refine", "register", "retrieve", "tiles"], 4),
    **dict.fromkeys(["selfsimilarity", "staleness"], 4),
    # 5 to 8: where stages meet
    **dict.fromkeys(["aiding", "build", "buildplan", "buildstages", "crew", "heights", "localizability", "mount"], 5),
    **dict.fromkeys(["query", "regions"], 5),
    **dict.fromkeys(["cachediff", "coldstart", "hypotheses", "merge"], 6),
    **dict.fromkeys(["belief", "seek"], 7),
    "localizer": 8,
    # 9: what people start
    **dict.fromkeys(["__main__", "bench", "cli", "commands", "console", "demo", "doctor"], 9),
    **dict.fromkeys(["loglines", "monitor", "onboard"], 9),
    **dict.fromkeys(["enginecheck", "engineheads", "engineimport", "engineinput", "enginewrite"], 9),
    **dict.fromkeys(["buildestimate", "calibration", "mapneed", "repetition", "replayjob", "run"], 9),
    **dict.fromkeys(["runadvice", "runfacts", "scenes", "searchareas", "stalemap", "trackmap", "workshop"], 9),
    **dict.fromkeys(["album", "comparison", "flightreport", "keeping"], 9),
}
TOP = 9
EDGES = {"autopilot", "cameras", "evaluate", "logs", "publish", "recall", "report", "sim", "sources"}
"""What stands between the core and the world: sees layers 0 to 2 and itself, and is handed to what uses it."""
SIDEWAYS = {
    ("build", "buildplan"),
    ("build", "buildstages"),
    ("build", "crew"),
    ("buildstages", "buildplan"),
    ("buildstages", "crew"),
    ("config", "flightconfig"),
    ("files", "errors"),
    ("indexfile", "cachefile"),
    ("onnxfile", "errors"),
    ("predict", "state"),
    ("regionfile", "cachefile"),
    ("sqlcheck", "errors"),
    ("strapdown", "attitudes"),
    ("strapdown", "inertial"),
    ("terrain", "cachefile"),
    ("validation", "errors"),
    ("wind", "state"),
}
"""Imports inside a layer that are allowed. The top layer is free inside."""

OWNERS: dict[str, set[str]] = {
    "PIL": {"logs/photos.py"},
    "affine": {"publish/heat_tiff.py", "sources/dem.py", "sources/geotiff.py"},
    "av": {"logs/video.py"},
    "cryptography": {"keys.py"},
    "distributed": {"crew/cluster.py"},
    "faiss": {"retrieve.py"},
    "gi": {"cameras/gstreamer.py"},
    "mcap": {"logs/recording/file.py", "logs/recording/reader.py"},
    "onnx": {"bench/flops.py"},
    "onnxruntime": {"encode/onnxrun.py"},
    "prometheus_client": {"monitor/metrics.py"},
    "pymavlink": {"autopilot/dialect.py", "logs/tlog.py", "sim/vehicle/dialect.py"},
    "rasterio": {"bench/country.py", "publish/heat_tiff.py", "sources/dem.py", "sources/geotiff.py"},
    "rosbags": {"logs/bag.py"},
    "shapely": {"region/shape.py"},
    "starlette": {"monitor/app.py"},
    "tensorrt": {"encode/tensorrtrun.py"},
    "torch": set(),
    "urllib3": {"sources/web/fetch.py"},
    "uvicorn": {"monitor/server.py"},
    "websockets": set(),
}
"""Heavy or optional packages: the files that may import them, and only where they are used, not when loaded."""
EVERYWHERE = {"cv2", "numpy", "pydantic", "pyproj", "rich", "tomli", "tomli_w", "tomllib"}
"""What the core depends on in any installation; `tomllib` comes with Python 3.11."""


@dataclass(frozen=True)
class Import:
    """One imported module; `deferred` when a function imports it."""

    file: Path
    line: int
    module: str
    deferred: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(REPO)}:{self.line} imports {self.module}"


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(file: Path) -> Iterator[Import]:
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    deferred = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        late = id(node) in deferred
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, late)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: write imports out in full, not relative"
            assert node.module is not None
            for alias in node.names:
                inner = node.module == "uavloc" and unit_exists(alias.name)
                yield Import(file, node.lineno, f"uavloc.{alias.name}" if inner else node.module, late)


def unit_exists(name: str) -> bool:
    return (PACKAGE / f"{name}.py").is_file() or (PACKAGE / name).is_dir()


def unit_of_file(file: Path) -> str:
    """`uavloc/encode.py` and everything in `uavloc/encode/` are the unit `encode`."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def unit_of_module(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


ALL = [found for file in files() for found in imports_of(file)]
INNER = [found for found in ALL if found.module.split(".")[0] == "uavloc"]
OUTER = [
    found
    for found in ALL
    if found.module.split(".")[0] != "uavloc" and found.module.split(".")[0] not in sys.stdlib_module_names
]


def problem(importer: str, imported: str) -> str | None:
    """Why a unit must not import another, None where it may."""
    if importer == imported or (importer, imported) in SIDEWAYS:
        return None
    if importer in EDGES:
        if imported in EDGES:
            return "edges do not import each other"
        return None if LAYERS[imported] <= 2 else f"an edge sees layers 0 to 2, not layer {LAYERS[imported]}"
    if imported in EDGES:
        return None if LAYERS[importer] == TOP else "only the top layer imports edges; below they are handed in"
    if LAYERS[importer] == TOP or LAYERS[imported] < LAYERS[importer]:
        return None
    return f"layer {LAYERS[importer]} must not import layer {LAYERS[imported]}"


@pytest.mark.parametrize("unit", sorted({unit_of_file(file) for file in files()}))
def test_every_file_has_its_layer(unit: str) -> None:
    assert unit in LAYERS or unit in EDGES, (
        f"uavloc/{unit} has no layer yet: add '{unit}' to LAYERS (or EDGES) in tests/test_imports.py "
        f"and to the table in docs/architecture.md"
    )


def test_imports_go_down_only() -> None:
    known = {*LAYERS, *EDGES}
    wrong = [
        f"{found}: {reason}"
        for found in INNER
        if {unit_of_file(found.file), unit_of_module(found.module)} <= known
        and (reason := problem(unit_of_file(found.file), unit_of_module(found.module)))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_heavy_packages_stay_with_their_owner() -> None:
    wrong = [
        f"{found}: only {', '.join(sorted(owners)) or 'nothing yet'} may (OWNERS in tests/test_imports.py)"
        for found in OUTER
        if (owners := OWNERS.get(found.module.split(".")[0])) is not None
        and found.file.relative_to(PACKAGE).as_posix() not in owners
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    early = [str(found) for found in OUTER if found.module.split(".")[0] in OWNERS and not found.deferred]
    assert not early, "import these inside the function that needs them:\n" + "\n".join(early)


def test_no_other_package_is_needed() -> None:
    unknown = [str(found) for found in OUTER if found.module.split(".")[0] not in {*OWNERS, *EVERYWHERE}]
    assert not unknown, "add the package to OWNERS or EVERYWHERE in tests/test_imports.py:\n" + "\n".join(unknown)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("ortho", "camera", True),
        ("camera", "ortho", False),
        ("odometry", "register", False),
        ("localizer", "register", True),
        ("register", "localizer", False),
        ("localizer", "hypotheses", True),
        ("hypotheses", "localizer", False),
        ("localizer", "sources", False),
        ("sources", "region", True),
        ("sources", "tiles", False),
        ("logs", "evaluate", False),
        ("run", "logs", True),
        ("build", "cli", False),
        ("cli", "run", True),
    ],
)
def test_the_rules_say_what_they_should(importer: str, imported: str, allowed: bool) -> None:
    assert (problem(importer, imported) is None) == allowed


def test_names_of_test_files_and_their_helpers_are_unique() -> None:
    """All their folders are searched for imports: of two files of one name only the first is ever found."""
    files = [path for path in (REPO / "tests").rglob("*.py") if "standin" not in path.parts]
    names = [path.name for path in files if path.name not in {"conftest.py", "__init__.py"}]
    assert len(names) == len(set(names))
