"""`python -m uavloc` is `uavloc`."""

from __future__ import annotations

import sys

from uavloc.cli import main

sys.exit(main())
