"""Progress where nobody watches: a line now and then, and always the last one."""

from __future__ import annotations

import time

import pytest

from uavloc.console import LINE_SECONDS, progress


def test_long_work_is_said_to_its_end_and_quick_work_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert LINE_SECONDS < 6.0
    with progress("build") as tell:
        tell(7, 7)
    assert capsys.readouterr().err == ""
    with progress("build") as tell:
        tell(1, 7)
        time.sleep(LINE_SECONDS)
        tell(6, 7)
        tell(7, 7)
        tell(7, 7)
    assert capsys.readouterr().err == "build: 6 of 7 (85 %)\nbuild: 7 of 7 (100 %)\n"
