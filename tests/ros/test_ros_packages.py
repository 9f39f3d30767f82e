"""The packages of ros2_ws as ROS wants packages, checked with what ROS itself checks them with."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from catkin_pkg.package import Package, parse_package

import uavloc

REPO = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (REPO / "ros2_ws" / "src").glob("*/package.xml"))
KNOWN = {
    "ament_cmake", "ament_copyright", "ament_flake8", "ament_index_python", "ament_pep257", "ament_xmllint",
    "builtin_interfaces", "diagnostic_msgs", "geometry_msgs", "launch", "launch_ros", "lifecycle_msgs", "nav_msgs",
    "px4_msgs", "python3-numpy", "python3-pytest", "rcl_interfaces", "rclpy", "rosidl_default_generators",
    "rosidl_default_runtime", "sensor_msgs", "std_msgs", "std_srvs", "tf2_msgs",
}  # fmt: skip
"""Packages of Humble and Jazzy, and keys of rosdep."""
NOT_OF_ROS = {"uavloc", "numpy", "pydantic", "pytest", "setuptools"}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:catkin_pkg", "ignore:datetime:DeprecationWarning")


@pytest.fixture(params=FOLDERS, ids=[path.name for path in FOLDERS])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def package(folder: Path) -> Package:
    said: list[str] = []
    parsed = parse_package(folder, warnings=said)
    parsed.validate(warnings=said)
    assert said == []
    return parsed


def test_the_manifest_is_one_of_format_3_that_says_who_and_under_which_licence(package: Package, folder: Path) -> None:
    assert package.package_format == 3
    assert package.name == folder.name
    assert package.version == uavloc.__version__
    assert [str(one) for one in package.licenses] == ["Apache-2.0"]
    assert all(re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", one.email) for one in package.maintainers)
    assert package.get_build_type() in {"ament_python", "ament_cmake"}


def test_every_dependency_is_a_package_or_a_key_that_exists(package: Package) -> None:
    ours = {path.name for path in FOLDERS}
    named = {one.name for one in [*package.exec_depends, *package.test_depends, *package.buildtool_depends]}
    assert named <= KNOWN | ours


def test_what_is_imported_is_depended_on(package: Package, folder: Path) -> None:
    told = {one.name for one in [*package.exec_depends, *package.test_depends]} | {package.name}
    for path in sorted(folder.rglob("*.py")):
        assert {name for name in imported(path) if name not in NOT_OF_ROS} <= told, path


def test_setup_and_manifest_tell_the_same(package: Package, folder: Path) -> None:
    if package.get_build_type() != "ament_python":
        return
    told = {
        word.arg: word.value.value
        for call in ast.walk(ast.parse((folder / "setup.py").read_text()))
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg is not None and isinstance(word.value, ast.Constant)
    }
    maintainer = package.maintainers[0]
    assert (told["version"], told["license"]) == (package.version, "Apache-2.0")
    assert (told["maintainer"], told["maintainer_email"]) == (maintainer.name, maintainer.email)
    assert (folder / "resource" / folder.name).is_file()
    for entry in re.findall(r"= *([\w.]+):main", (folder / "setup.py").read_text()):
        assert (folder / Path(*entry.split("."))).with_suffix(".py").is_file()


def test_every_source_begins_with_its_licence(folder: Path) -> None:
    for path in sorted(folder.rglob("*.py")):
        head = path.read_text(encoding="utf-8").splitlines()[:14]
        assert head[0].startswith("# Copyright 20"), path
        assert head[2] == '# Licensed under the Apache License, Version 2.0 (the "License");', path


def imported(path: Path) -> set[str]:
    """The packages that a file imports, other than those of Python."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names)
