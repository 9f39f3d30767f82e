"""Python environments as folders: twins, hidden packages, versions out of range."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement as Oracle
from packaging.version import Version

from uavloc.doctor.finding import Finding
from uavloc.doctor.packages import Packages, look_packages, package_findings
from uavloc.doctor.requirement import requirement

REPO = Path(__file__).resolve().parents[2]
REQUIRES = ["numpy>=1.26", "pydantic>=2.7,<3", "onnxruntime>=1.18; extra == 'cpu'", "av>=13; extra == 'replay'"]


def install(site: Path, name: str, version: str, *modules: str) -> None:
    """A package as pip leaves it."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    for module in modules:
        (site / module).mkdir(exist_ok=True)
        (site / module / "__init__.py").touch()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """What is found in a real virtual environment, over a folder of the system behind it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=60)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    system = folder / "dist-packages"
    install(site, "onnxruntime", "1.20.1", "onnxruntime")
    install(site, "onnxruntime-gpu", "1.20.1")
    install(site, "opencv-python-headless", "4.11.0.86", "cv2")
    install(site, "numpy", "1.21.5", "numpy")
    install(system, "tensorrt", "10.3.0", "tensorrt")
    (system / "cv2").mkdir()
    (system / "cv2" / "__init__.py").touch()
    behind = [str(system), str(REPO), *(path for path in sys.path if "site-packages" in path)]
    asked = f"import sys, json; sys.path += {behind!r}; from uavloc.doctor.packages import look_packages; "
    asked += "print(look_packages().model_dump_json())"
    done = subprocess.run(
        [folder / "venv" / "bin" / "python", "-I", "-c", asked], check=True, capture_output=True, timeout=60
    )
    found = Packages.model_validate(json.loads(done.stdout))
    return found.model_copy(update={"requires": REQUIRES})


def of(findings: list[Finding], *words: str) -> Finding:
    """The one finding that has all the words."""
    (found,) = [finding for finding in findings if all(word in finding.what for word in words)]
    return found


def test_two_of_a_kind_in_one_environment_are_told(environment: Packages) -> None:
    assert environment.is_venv
    found = of(package_findings(environment), "onnxruntime 1.20.1 and onnxruntime-gpu 1.20.1")
    assert found.level == "warn"
    assert found.fix.startswith("pip uninstall onnxruntime onnxruntime-gpu")


def test_a_package_that_hides_the_boards_own_is_told(environment: Packages) -> None:
    found = of(package_findings(environment), "cv2 of", "hides that of", "dist-packages")
    assert found.level == "warn"
    assert "pip uninstall opencv-python-headless" in found.fix


def test_a_version_out_of_range_is_told_once(environment: Packages) -> None:
    found = of(package_findings(environment), "numpy")
    assert (found.level, found.what) == ("warn", "numpy 1.21.5: uavloc is made for >=1.26")


def test_what_is_needed_and_nowhere_stops_a_flight() -> None:
    bare = Packages(python="3.10.12", prefix="/v", is_venv=True, installed=[], requires=REQUIRES, places={})
    found = package_findings(bare)
    assert of(found, "missing: numpy, pydantic").level == "fail"
    assert of(found, "cv2 is nowhere").level == "fail"
    assert of(found, "onnxruntime is nowhere").level == "fail"
    assert of(found, "faiss").level == "absent"
    assert of(found, "extra 'replay'").level == "absent"


@pytest.mark.parametrize(
    ("python", "is_venv", "level"),
    [("3.9.2", True, "fail"), ("3.10.12", True, "ok"), ("3.12.3", False, "warn"), ("3.14.0", True, "warn")],
)
def test_pythons_are_judged(python: str, is_venv: bool, level: str) -> None:
    found = Packages(python=python, prefix="/v", is_venv=is_venv, installed=[], requires=[], places={})
    assert package_findings(found)[0].level == level


def test_this_environment_is_in_order() -> None:
    assert [finding for finding in package_findings(look_packages()) if finding.level == "fail"] == []


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.lists(
        st.tuples(
            st.sampled_from([">=", "<", "<=", ">", "==", "!="]), st.lists(st.integers(0, 30), min_size=1, max_size=3)
        ),
        max_size=3,
    ),
    st.sampled_from(["", "; extra == 'cpu'", '; extra == "build"']),
)
def test_requirements_are_read_as_packaging_reads_them(
    version: list[int], bounds: list[tuple[str, list[int]]], marker: str
) -> None:
    text = "Some_Package" + ",".join(sign + ".".join(map(str, bound)) for sign, bound in bounds) + marker
    said = ".".join(map(str, version))
    found = requirement(text)
    assert found is not None
    assert found.name == "some-package"
    assert found.extra == marker[12:-1]
    assert found.accepts(said) == Oracle(text).specifier.contains(Version(said))


@pytest.mark.parametrize("text", ["", "???", "name @ https://example.org/x.whl", "tomli>=2; python_version < '3.11'"])
def test_requirements_of_another_form_are_passed_over(text: str) -> None:
    assert requirement(text) is None or requirement(text).bounds == ()  # type: ignore[union-attr]


def test_an_environment_without_opencv_and_onnx_runtime_is_examined_all_the_same(tmp_path: Path) -> None:
    """`pip install uavloc` without an extra: the doctor is who tells what is missing."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=60)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    lacking = ("cv2", "opencv_python", "onnxruntime", "faiss", "__editable__", "uavloc-", "_uavloc")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(lacking) and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-m", "uavloc", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": str(REPO)}, cwd=tmp_path, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    found = {(finding["topic"], finding["level"]) for finding in json.loads(done.stdout)["findings"]}
    assert {("packages", "fail"), ("opencv", "fail"), ("provider cpu", "fail"), ("provider cuda", "absent")} <= found
    assert done.stderr.splitlines()[-1].startswith("uavloc: error: not fit to fly: packages, opencv, provider cpu")
