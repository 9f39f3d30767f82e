"""Imports go down only: the layers of docs/architecture.md, checked by reading the import statements.

A new file gets a line in `LAYERS` or `EDGES` below; a package is one entry with everything in it, unless its files
stand in several layers. A heavy or optional package gets a line in `OWNERS`.
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
    **dict.fromkeys(["__init__", "cache/__init__", "motion/__init__", "prepare/__init__"], 0),
    # 1: the ground
    **dict.fromkeys(["clock", "errors", "files", "formats", "frames", "helperprocess", "memory", "onnxfile"], 1),
    **dict.fromkeys(["cache/sqlcheck", "parallel", "section", "types", "validation", "xmltree"], 1),
    # 2: shared facts and arithmetic
    **dict.fromkeys(["cache/cachefile", "cache/cells", "cache/indexfile", "cache/keys", "cache/regionfile"], 2),
    **dict.fromkeys(["cache/terrain", "camera", "card", "config", "correlation", "flightconfig", "imagefile"], 2),
    **dict.fromkeys(["mapage", "pixels", "region", "starttext", "turns"], 2),
    **dict.fromkeys(["motion/airdensity", "motion/attitudes", "motion/inertial", "motion/strapdown"], 2),
    # 3: evidence, choice of level, what is estimated
    **dict.fromkeys(["cache/reuse", "cache/signature", "cache/workfile"], 3),
    **dict.fromkeys(["consensus", "evidence", "levels", "paired"], 3),
    **dict.fromkeys(["motion/predict", "motion/state", "motion/wind"], 3),
    # 4: the stages, which do not know each other
    **dict.fromkeys(["encode", "filter", "odometry", "ortho", "refine", "register", "retrieve", "tiles"], 4),
    **dict.fromkeys(["selfsimilarity", "staleness"], 4),
    # 5 to 8: where stages meet
    **dict.fromkeys(["build", "crew", "heights", "localizability", "motion/aiding", "mount", "prepare/plan"], 5),
    **dict.fromkeys(["prepare/stages", "query", "regions"], 5),
    **dict.fromkeys(["cache/diff", "cache/merge", "coldstart", "hypotheses"], 6),
    **dict.fromkeys(["belief", "seek"], 7),
    "localizer": 8,
    # 9: what people start
    **dict.fromkeys(["__main__", "bench", "calibration", "cli", "commands", "console", "demo", "doctor"], 9),
    **dict.fromkeys(["engine", "loglines", "monitor", "onboard", "prepare/estimate", "prepare/mapneed"], 9),
    **dict.fromkeys(["prepare/workshop", "replay", "run", "scenes"], 9),
}
TOP = 9
EDGES = {"autopilot", "cameras", "evaluate", "logs", "publish", "recall", "report", "sim", "sources"}
"""What stands between the core and the world: sees layers 0 to 2 and itself, and is handed to what uses it."""
SIDEWAYS = {
    ("build", "prepare/plan"),
    ("build", "prepare/stages"),
    ("build", "crew"),
    ("prepare/stages", "prepare/plan"),
    ("prepare/stages", "crew"),
    ("config", "flightconfig"),
    ("files", "errors"),
    ("cache/indexfile", "cache/cachefile"),
    ("onnxfile", "errors"),
    ("motion/predict", "motion/state"),
    ("cache/regionfile", "cache/cachefile"),
    ("cache/sqlcheck", "errors"),
    ("motion/strapdown", "motion/attitudes"),
    ("motion/strapdown", "motion/inertial"),
    ("cache/terrain", "cache/cachefile"),
    ("validation", "errors"),
    ("motion/wind", "motion/state"),
}
"""Imports inside a layer that are allowed. The top layer is free inside."""

OWNERS: dict[str, set[str]] = {
    "PIL": {"logs/photos.py"},
    "affine": {"publish/heat_tiff.py", "sources/dem.py", "sources/geotiff.py"},
    "av": {"logs/video.py"},
    "cryptography": {"cache/keys.py"},
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
    "starlette": {"monitor/app.py", "monitor/door.py"},
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
                yield Import(file, node.lineno, module_of(node.module, alias.name), late)


def module_of(package: str, name: str) -> str:
    """`from uavloc import tiles` and `from uavloc.cache import keys` import modules, most others what is in one."""
    inner = PACKAGE.parent.joinpath(*package.split("."), name)
    is_module = package.split(".", maxsplit=1)[0] == "uavloc" and (inner.is_dir() or inner.with_suffix(".py").is_file())
    return f"{package}.{name}" if is_module else package


def unit_of(parts: tuple[str, ...]) -> str:
    """The entry a file or module belongs to: its own, or else that of the package it is in."""
    own = "/".join(parts[:2])
    return own if own in LAYERS or is_split(parts[0]) else parts[0]


def is_split(package: str) -> bool:
    return f"{package}/__init__" in LAYERS


def unit_of_file(file: Path) -> str:
    """`uavloc/encode/*.py` are the unit `encode`, `uavloc/cache/keys.py` is the unit `cache/keys`."""
    return unit_of(file.relative_to(PACKAGE).with_suffix("").parts)


def unit_of_module(module: str) -> str:
    parts = tuple(module.split(".")[1:]) or ("__init__",)
    return unit_of((*parts, "__init__") if len(parts) == 1 and is_split(parts[0]) else parts)


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
        ("tiles", "cache/keys", True),
        ("tiles", "cache/merge", False),
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
