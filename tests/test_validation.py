"""Refusals of files that people write: plain words, the field, what it must be, and what was likely meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uavloc.camera import load_camera
from uavloc.card import load_card
from uavloc.config import Config, load_config
from uavloc.errors import UavlocError
from uavloc.logs.sensors import COLUMNS
from uavloc.sources import open_source
from uavloc.validation import nearest

JARGON = (
    "Input should",
    "Extra inputs",
    "Field required",
    "Value error",
    "validation error",
    "String should",
    "[type=",
)
CAMERA = {"width_px": 640, "height_px": 480, "fx_px": 500.0, "fy_px": 500.0, "cx_px": 320, "cy_px": 240}
HOST = "https://tiles.example.org/{z}/{x}/{y}.png"


def refused(call, argument) -> str:
    with pytest.raises(UavlocError) as caught:
        call(argument)
    text = str(caught.value)
    assert "\n" not in text
    assert not any(word in text for word in JARGON), text
    return text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[registration]\nmin_scor = 5\n", "registration.min_scor: is not known; did you mean 'min_score'?"),
        ("[fliter]\nhistory_s = 3.0\n", "fliter: is not known; did you mean 'filter'?"),
        ("history_s = 3.0\n", "history_s: is not known; it belongs into [filter]"),
        ("wings = 2\n", "wings: is not known; there are: engine, cache, ortho"),
        ("filter = 3\n", "filter: must be a table of keys and values, not 3"),
        ("[filter]\nhistory_s = -1.0\n", "filter.history_s: must be more than 0, not -1.0"),
        ("[filter]\nhistory_s = inf\n", "filter.history_s: must be a finite number, not inf"),
        ('[filter]\nhistory_s = "long"\n', "filter.history_s: must be a number, not 'long'"),
        ("[engine]\nthreads = 1.5\n", "engine.threads: must be a whole number, not 1.5"),
        ("[engine]\nname = 5\n", "engine.name: must be text in quotes, not 5"),
        (
            '[engine]\nprecision = "fp23"\n',
            "engine.precision: must be 'fp32', 'fp16' or 'int8', not 'fp23'; did you mean",
        ),
        ("[[link]]\nvehicel = 3\n", "link.0.vehicel: is not known; did you mean 'vehicle'?"),
        ("[refine]\nenabled = 1\n", "refine.enabled: must be true or false, not 1"),
    ],
)
def test_a_configuration_is_refused_in_plain_words(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    assert refused(load_config, path).startswith(f"{path}: {told}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fx_px": None, "fx_pix": 500.0}, "fx_px: is missing (there is 'fx_pix')"),
        ({"fx_px": None}, "fx_px: is missing"),
        ({"fx_px": "wide"}, "fx_px: must be a number, not 'wide'"),
        ({"width_px": -1}, "width_px: must be more than 0, not -1"),
        ({"mount_rpy_deg": [0, -90]}, "mount_rpy_deg.2: has too few values"),
        ({"distortion": [0] * 6}, "distortion: must hold at most 5 values"),
        ({"distortion": [0, "x"]}, "distortion.1: must be a number, not 'x'"),
        ({"nadir_px": [1, 2], "mount_rpy_deg": [0, 0, 0]}, "nadir_px and mount_rpy_deg both tell the mount: keep one"),
    ],
)
def test_a_camera_is_refused_in_plain_words(tmp_path: Path, change: dict[str, object], told: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({key: value for key, value in {**CAMERA, **change}.items() if value is not None}))
    assert refused(load_camera, path) == f"{path}: {told}"


def test_a_misspelt_key_of_a_camera_is_told_and_a_note_is_not(tmp_path: Path, caplog) -> None:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({**CAMERA, "distorsion": [0.1], "serial": "A7", "fx_pxx": 3}))
    load_camera(path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: distorsion is not known and not used; did you mean 'distortion'?"
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("zom=18", "zom: is not known; did you mean 'zoom'?"),
        ("license=CC0", "license: is not known; did you mean 'licence'?"),
        ("zoom=a", "zoom: must be a whole number, not 'a'"),
        ("zoom=23", "zoom: must be at most 22, not '23'"),
        ("date=May", "date: must be a date as 2024, 2024-05 or 2024-05-31, not 'May'"),
        ("bounds=1,2,3", "bounds.3: has too few values"),
        ("tms=perhaps", "tms: must be true or false, not 'perhaps'"),
        ("kind=wmtts", "kind: must be 'xyz', 'wmts' or 'wms', not 'wmtts'; did you mean 'wmts'?"),
    ],
)
def test_an_address_is_refused_in_plain_words(options: str, told: str) -> None:
    assert refused(open_source, f"{HOST}#{options}").endswith(f": {told}")


def test_an_engine_card_is_refused_in_plain_words(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "engines" / "gradient" / "engine.toml").read_text()
    for old, new, told in (
        ("stride = ", "strid = ", "output.stride: is missing (there is 'strid')"),
        ("mean = ", 'mean = "x" #', "input.mean: must be a number, not 'x'"),
        (
            'colour = "grey"',
            'colour = "gray"',
            "input.colour: must be 'grey', 'rgb' or 'bgr', not 'gray'; did you mean",
        ),
    ):
        assert old in text
        (tmp_path / "engine.toml").write_text(text.replace(old, new, 1))
        assert told in refused(load_card, tmp_path)


@pytest.mark.parametrize(
    ("column", "likely"),
    [
        ("agl", "agl_m"), ("heading", "heading_deg"), ("Heading_deg", "heading_deg"), ("alt_msl_m", "alt_amsl_m"),
        ("baro_alt", "baro_alt_m"), ("pitch", "pitch_deg"), ("lat_deg", None), ("lon_deg", None), ("speed", None),
        ("battery", None), ("", None), ("gimbal_yaw", None),
    ],
)  # fmt: skip
def test_slips_of_columns_are_told_from_other_columns(column: str, likely: str | None) -> None:
    assert nearest(column, COLUMNS) == likely


@given(st.sampled_from(sorted(Config.model_fields)), st.integers(0, 3), st.booleans())
def test_a_name_with_one_slip_is_found_again(name: str, place: int, leave_out: bool) -> None:
    slip = name[:place] + name[place + 1 :] if leave_out else name[:place] + "x" + name[place:]
    assert nearest(slip, Config.model_fields) == name


@given(st.text(max_size=200))
def test_any_word_may_be_asked_for(word: str) -> None:
    assert nearest(word, COLUMNS) in {*COLUMNS, None}
