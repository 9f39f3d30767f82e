"""Train an engine: `python tools/train/train.py CONFIG.toml --imagery FOLDER --out RUN`.

A run folder holds the recipe with its seed, `log.csv`, `curves.png` and the last checkpoint; the same command goes on
where it was stopped. `export.py` makes an engine of it.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from curves import draw_curves
from losses import MARGIN_CELLS, place_loss, region_loss, surfaces
from mining import look_alikes
from network import STRIDE, Network
from numpy.typing import NDArray
from places import load_places, sources_of
from sampler import MAP_PX, QUERY_PX, Jitter, Sampler
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REGION_STRIDE = 16
FREE = MAP_PX - QUERY_PX
CENTRES_PX = [QUERY_PX / 2 + FREE / 4 * k for k in range(5)]
VALIDATION_BATCHES = 12


@dataclass(frozen=True)
class Recipe:
    """Everything that shapes a run."""

    steps: int = 8000
    batch: int = 24
    rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 1
    worlds: int = 48
    dates: int = 0
    """Most dates used of a place; 0: all."""
    width: int = 32
    channels: int = 16
    dim: int = 256
    region_weight: float = 0.3
    mine_every: int = 1500
    mined_share: float = 0.4
    workers: int = 1
    jitter: Jitter = field(default_factory=Jitter)


class Batches(IterableDataset[dict[str, Tensor]]):
    """Endless batches; some are drawn from one cluster of look-alikes once there are clusters."""

    def __init__(self, sampler: Sampler, recipe: Recipe, seed: int, clusters: list[NDArray[np.int64]]) -> None:
        self._sampler, self._recipe, self._seed, self._clusters = sampler, recipe, seed, clusters

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self._seed, info.id if info else 0])
        while True:
            yield collate([self._sampler.sample(site, rng) for site in self._sites(rng)])

    def _sites(self, rng: np.random.Generator) -> list[int]:
        count = self._recipe.batch
        if self._clusters and rng.random() < self._recipe.mined_share:
            cluster = self._clusters[rng.integers(len(self._clusters))]
            return [int(site) for site in rng.choice(cluster, count, replace=len(cluster) < count)]
        return [self._sampler.draw(rng) for _ in range(count)]


def collate(samples: list[Any]) -> dict[str, Tensor]:
    """Samples as one batch of tensors; pictures stay 8 bit until they are used."""
    names = ("query", "query_mask", "window", "window_mask")
    batch = {name: torch.from_numpy(np.stack([getattr(s, name) for s in samples]))[:, None] for name in names}
    batch["centre_px"] = torch.tensor([s.centre_px for s in samples], dtype=torch.float32)
    return batch


def losses_of(network: Network, scales: nn.ParameterDict, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Both losses and both hit rates of a batch."""
    with torch.autocast(batch["query"].device.type, torch.bfloat16):
        query, q_valid, q_deep, q_known = network.features(*_floats(batch["query"], batch["query_mask"]))
        window, w_valid, w_deep, w_known = network.features(*_floats(batch["window"], batch["window_mask"]))
        regions, centres = _regions(network, w_deep, w_known)
        described = network.describe(q_deep, q_known)
    value, usable = surfaces(query, q_valid, window, w_valid)
    corner = (batch["centre_px"] - QUERY_PX / 2) / STRIDE + MARGIN_CELLS
    place, right = place_loss(value, usable, corner.flip(1), scales["place"].exp().clamp(max=100.0))
    distance = _distances(batch["centre_px"], centres)
    region, hit = region_loss(described.float(), regions.float(), distance, scales["region"].exp().clamp(max=60.0))
    return {"place": place, "right": right, "region": region, "hit": hit}


def _floats(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    return (
        image.float().div(255.0).contiguous(memory_format=torch.channels_last),
        mask.float().contiguous(memory_format=torch.channels_last),
    )


def _regions(network: Network, deep: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Descriptors of three windows inside every map window, and their centres (M x 3 x 2: x, y pixels)."""
    side, count = QUERY_PX // REGION_STRIDE, deep.shape[0]
    found, centres = [], []
    for _ in range(3):
        i, j = (int(v) for v in torch.randint(0, 5, (2,)))
        part = (slice(None), slice(None), slice(i, i + side), slice(j, j + side))
        found.append(network.describe(deep[part], known[part]))
        centres.append(torch.tensor([CENTRES_PX[j], CENTRES_PX[i]]).expand(count, 2))
    return torch.stack(found, 1).flatten(0, 1), torch.stack(centres, 1).to(deep.device)


def _distances(query_px: Tensor, centres: Tensor) -> Tensor:
    """N x 3M distances between query centres and the windows of their own map; infinite to those of others."""
    n, per = query_px.shape[0], centres.shape[1]
    apart = (query_px[:, None] - centres).norm(dim=2)
    out = torch.full((n, n, per), torch.inf, device=query_px.device)
    out[torch.arange(n), torch.arange(n)] = apart
    return out.flatten(1)


class Run:
    """One training run and its folder."""

    def __init__(self, recipe: Recipe, imagery: Path | None, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._keep_recipe()
        torch.manual_seed(recipe.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        places = load_places(imagery, recipe.worlds, folder.parent / "worlds")
        learned = [place.at_most(recipe.dates) for place in places if not place.held_out]
        if len(learned) in (0, len(places)):
            raise SystemExit("too few places: none is left to train on, or to hold out (ten generated worlds will do)")
        (folder / "sources.json").write_text(json.dumps(sources_of(learned), indent=1))
        self.train_sites = Sampler(learned, recipe.jitter)
        self.test_sites = Sampler([p for p in places if p.held_out], recipe.jitter)
        self.network = Network(recipe.channels, recipe.dim, recipe.width).to(
            self.device, memory_format=torch.channels_last
        )
        self.scales = nn.ParameterDict({name: nn.Parameter(torch.tensor(3.0)) for name in ("place", "region")})
        self.scales.to(self.device)
        self.optimiser = torch.optim.AdamW(
            [*self.network.parameters(), *self.scales.parameters()], recipe.rate, weight_decay=recipe.weight_decay
        )
        warm = max(1, min(300, recipe.steps // 10))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, recipe.rate, total_steps=recipe.steps + 1, pct_start=warm / recipe.steps
        )
        self.step, self.clusters = 0, list[NDArray[np.int64]]()
        self._resume()

    def train(self, minutes: float) -> None:
        """Go on until the last step, or until the time is up; a checkpoint is left either way."""
        started = time.monotonic()
        totals: dict[str, list[float]] = {}
        batches = self._batches()
        while self.step < self.recipe.steps and time.monotonic() - started < minutes * 60:
            if self._mining_due():
                self.clusters = look_alikes(self.network, self.train_sites, self.recipe.seed + self.step)
                batches = self._batches()
            for name, value in self._update(next(batches)).items():
                totals.setdefault(name, []).append(value)
            if self.step % 100 == 0 or self.step == self.recipe.steps:
                row = {name: float(np.mean(values)) for name, values in totals.items()}
                if self.step % 500 == 0 or self.step == self.recipe.steps:
                    row |= {f"held_out_{name}": value for name, value in self.validate().items()}
                self._log(row, time.monotonic() - started)
                totals = {}
                if self.step % 500 == 0:
                    self._save()
        self._save()

    def validate(self) -> dict[str, float]:
        """Losses and hit rates on places that are never trained on, always the same samples."""
        torch.manual_seed(0)
        self.network.eval()
        batches = iter(Batches(self.test_sites, self.recipe, 0, []))
        with torch.no_grad():
            found = [
                losses_of(self.network, self.scales, self._moved(next(batches))) for _ in range(VALIDATION_BATCHES)
            ]
        self.network.train()
        torch.manual_seed(self.recipe.seed + self.step)
        return {name: float(torch.stack([one[name] for one in found]).mean()) for name in found[0]}

    def _update(self, batch: dict[str, Tensor]) -> dict[str, float]:
        found = losses_of(self.network, self.scales, self._moved(batch))
        loss = found["place"] + self.recipe.region_weight * found["region"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return {name: float(value.detach()) for name, value in found.items()}

    def _moved(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.to(self.device) for name, value in batch.items()}

    def _mining_due(self) -> bool:
        every = self.recipe.mine_every
        return every > 0 and self.step >= every and (self.step % every == 0 or not self.clusters)

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        data = Batches(self.train_sites, self.recipe, self.recipe.seed + 7919 * (self.step + 1), self.clusters)
        return iter(
            DataLoader(
                data, batch_size=None, num_workers=self.recipe.workers, prefetch_factor=4, worker_init_fn=_polite
            )
        )

    def _keep_recipe(self) -> None:
        """Write the recipe beside the run; refuse to go on with another one."""
        path, told = self.folder / "recipe.json", json.dumps(dataclasses.asdict(self.recipe), indent=1)
        if path.is_file() and path.read_text() != told:
            raise SystemExit(f"{path}: this run was begun with another recipe: choose another --out")
        path.write_text(told)

    def _resume(self) -> None:
        path = self.folder / "last.pt"
        if path.is_file():
            kept = torch.load(path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(kept["network"])
            self.scales.load_state_dict(kept["scales"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.schedule.load_state_dict(kept["schedule"])
            self.step = kept["step"]

    def _save(self) -> None:
        parts = ("network", "scales", "optimiser", "schedule")
        kept = {name: getattr(self, name).state_dict() for name in parts} | {"step": self.step}
        torch.save(kept, self.folder / "last.part")
        (self.folder / "last.part").replace(self.folder / "last.pt")
        draw_curves(self.folder / "log.csv", self.folder / "curves.png")

    def _log(self, row: dict[str, float], seconds: float) -> None:
        path = self.folder / "log.csv"
        fields = [f"{set_}{name}" for set_ in ("", "held_out_") for name in ("place", "right", "region", "hit")]
        fresh = not path.is_file()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, ["step", "seconds", *fields])
            if fresh:
                writer.writeheader()
            writer.writerow({"step": self.step, "seconds": round(seconds), **{k: round(v, 4) for k, v in row.items()}})
        shown = "  ".join(f"{name} {value:.3f}" for name, value in row.items())
        print(f"step {self.step}/{self.recipe.steps}  {seconds / 60:.1f} min  {shown}", flush=True)


def _polite(worker: int) -> None:
    """One thread a worker, and the network's own threads first."""
    del worker
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    os.nice(5)


def load_recipe(path: Path) -> Recipe:
    """The recipe of a TOML file; unknown keys are refused."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    jitter = told.pop("jitter", {})
    if "zoom" in jitter:
        jitter["zoom"] = tuple(jitter["zoom"])
    try:
        return Recipe(**told, jitter=Jitter(**jitter))
    except TypeError as error:
        raise SystemExit(f"{path}: {error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML file with the values that differ from the defaults")
    parser.add_argument("--imagery", type=Path, help="folder of open imagery; generated worlds alone if left out")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run; an existing one is continued")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this time; the same command goes on")
    arguments = parser.parse_args()
    Run(load_recipe(arguments.recipe), arguments.imagery, arguments.out).train(arguments.minutes)


if __name__ == "__main__":
    main()
