"""The curves of a run: losses and hit rates over the steps, on what is trained on and on what is held out."""

from __future__ import annotations

import csv
from pathlib import Path

PANELS = {
    "place": "loss of the place (cross-entropy)",
    "right": "share of places found",
    "region": "loss of the region (InfoNCE)",
    "hit": "share of regions found",
}


def draw_curves(log: Path, out: Path) -> None:
    """Draw `log.csv` as a picture of four panels; nothing without a log."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    if not log.is_file():
        return
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for axis, (name, title) in zip(axes.flat, PANELS.items(), strict=True):
        for prefix, label in (("", "training"), ("held_out_", "held out")):
            points = [(int(row["step"]), float(row[prefix + name])) for row in rows if row[prefix + name]]
            axis.plot(*zip(*points, strict=True), label=label) if points else None
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.legend()
    figure.savefig(out, dpi=90)
    plt.close(figure)
