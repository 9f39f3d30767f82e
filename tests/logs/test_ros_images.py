"""Uncompressed pictures of ROS: every encoding against its plain definition, and what is no picture."""

from __future__ import annotations

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uavloc.logs.rosimages import ENCODINGS, rgb_of, trouble

HEIGHT, WIDTH = 6, 8
COLOUR = (200, 90, 40)
"""Red, green, blue."""
BAYER = {"rggb": "RG", "bggr": "BG", "gbrg": "GB", "grbg": "GR"}


def message(encoding: str, rows: np.ndarray, *, pad: int = 0, big: bool = False, width: int = WIDTH) -> SimpleNamespace:
    """`rows`: height x bytes."""
    padded = np.pad(rows.astype(np.uint8), ((0, 0), (0, pad)), constant_values=77)
    data = array.array("B", padded.tobytes())
    return SimpleNamespace(
        encoding=encoding, height=len(rows), width=width, step=padded.shape[1], is_bigendian=int(big), data=data
    )


def plain(encoding: str) -> np.ndarray:
    """The bytes of a picture of one colour, by the definition of the encoding in sensor_msgs/image_encodings.hpp."""
    name = encoding.removesuffix("8").removesuffix("16")
    red, green, blue = COLOUR
    if name.startswith("bayer_"):
        first = name.removeprefix("bayer_")
        cells = {"r": red, "g": green, "b": blue}
        square = np.array([[cells[first[0]], cells[first[1]]], [cells[first[2]], cells[first[3]]]])
        return np.tile(square, (HEIGHT // 2, WIDTH // 2))
    pixel = {"rgb": (red, green, blue), "bgr": (blue, green, red), "rgba": (red, green, blue, 9),
             "bgra": (blue, green, red, 9), "mono": (green,)}[name]  # fmt: skip
    return np.tile(np.array(pixel), (HEIGHT, WIDTH))


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name.endswith("8")])
def test_eight_bits_are_the_colour_that_they_are_defined_to_be(encoding: str) -> None:
    seen = rgb_of(message(encoding, plain(encoding), pad=3))
    assert seen is not None
    assert seen.shape == (HEIGHT, WIDTH, 3)
    expected = [COLOUR[1]] * 3 if encoding == "mono8" else COLOUR
    np.testing.assert_array_equal(seen[2:-2, 2:-2].reshape(-1, 3), np.tile(expected, ((HEIGHT - 4) * (WIDTH - 4), 1)))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name.endswith("16")])
def test_sixteen_bits_are_the_same_picture_as_their_upper_eight(encoding: str, big: bool) -> None:
    upper = plain(encoding)
    lower = np.full_like(upper, 33)
    pairs = np.stack([upper, lower] if big else [lower, upper], axis=-1).reshape(HEIGHT, -1)
    wide, narrow = message(encoding, pairs, big=big, pad=2), message(encoding.removesuffix("16") + "8", upper)
    np.testing.assert_array_equal(rgb_of(wide), rgb_of(narrow))


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("uyvy", 1), ("yuv422_yuy2", 0), ("yuyv", 0)])
def test_yuv_is_of_the_brightness_and_colour_that_was_put_in(encoding: str, luma: int) -> None:
    grey = np.full((HEIGHT, WIDTH, 2), 128, np.uint8)
    grey[:, :, luma] = np.arange(WIDTH) * 20 + 40
    seen = rgb_of(message(encoding, grey.reshape(HEIGHT, -1)))
    assert seen is not None
    expected = (np.arange(WIDTH) * 20 + 40 - 16) * 255 / 219
    assert np.abs(seen.astype(float) - expected[None, :, None]).max() < 2.0
    red = np.full((HEIGHT, WIDTH, 2), 128, np.uint8)
    red[:, 1::2, 1 - luma] = 220
    seen = rgb_of(message(encoding, red.reshape(HEIGHT, -1)))
    assert seen is not None
    assert (seen[..., 0].astype(int) - seen[..., 2]).min() > 80


def test_a_bayer_picture_of_a_scene_is_about_that_scene() -> None:
    rng = np.random.default_rng(1)
    scene = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)
    for first in BAYER:
        mosaic = np.zeros((240, 320), np.uint8)
        for place, letter in enumerate(first):
            row, column = divmod(place, 2)
            mosaic[row::2, column::2] = scene[row::2, column::2, "rgb".index(letter)]
        seen = rgb_of(message(f"bayer_{first}8", mosaic, width=320))
        assert seen is not None
        assert np.abs(seen.astype(int) - scene)[4:-4, 4:-4].mean() < 2.0


@pytest.mark.parametrize(
    ("encoding", "width", "words"),
    [
        ("32FC1", WIDTH, "encoding 32FC1 is not known"),
        ("", WIDTH, "encoding none is not known"),
        ("mono8\n\x1b[2J", WIDTH, "encoding mono8??[2J is not known"),
        ("rgb8", WIDTH, "fewer bytes than it says"),
        ("mono8", 0, "0 x 6 px"),
        ("yuv422", 3, "half a pair"),
    ],
)
def test_what_is_no_picture_says_why(encoding: str, width: int, words: str) -> None:
    told = message(encoding, np.zeros((HEIGHT, WIDTH)), width=width)
    assert words in trouble(told, None)
    assert rgb_of(told) is None


def test_another_size_than_the_camera_has_is_no_picture() -> None:
    told = message("mono8", np.zeros((HEIGHT, WIDTH)))
    assert rgb_of(told, (WIDTH, HEIGHT)) is not None
    assert rgb_of(told, (WIDTH, HEIGHT + 1)) is None


@given(
    st.sampled_from([*ENCODINGS, "nonsense"]), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1), st.binary(max_size=600), st.integers(0, 9), st.integers(0, 9),
)  # fmt: skip
def test_no_message_is_believed_further_than_its_bytes(
    encoding: str, width: int, height: int, step: int, data: bytes, small: int, low: int
) -> None:
    for w, h, s in ((width, height, step), (small, low, step), (small, low, 4 * small)):
        told = SimpleNamespace(encoding=encoding, width=w, height=h, step=s, is_bigendian=0, data=data)
        seen = rgb_of(told)
        assert (seen is None) == bool(trouble(told, None))
        assert seen is None or seen.shape == (h, w, 3)
