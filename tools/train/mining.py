"""Hard negatives: sites that the network itself takes for one another (after AstroLoc's cluster mining)."""

from __future__ import annotations

import faiss
import numpy as np
import torch
from network import Network
from numpy.typing import NDArray
from sampler import Sampler

PER_CLUSTER = 60
SITES = 2400
LEAST = 12
"""Smaller clusters are of no use for a batch."""


def look_alikes(network: Network, sampler: Sampler, seed: int) -> list[NDArray[np.int64]]:
    """Clusters of sites whose global descriptors are alike."""
    rng = np.random.default_rng(seed)
    network.eval()
    sites = rng.permutation(len(sampler.sites))[:SITES]
    described = np.concatenate(
        [_described(network, sampler, part, rng) for part in np.array_split(sites, -(-len(sites) // 24))]
    )
    network.train()
    kmeans = faiss.Kmeans(described.shape[1], max(2, len(sites) // PER_CLUSTER), niter=15, spherical=True, seed=1)
    kmeans.train(described)
    own = kmeans.index.search(described, 1)[1][:, 0]
    clusters = [sites[own == k] for k in range(kmeans.k)]
    return [cluster for cluster in clusters if len(cluster) >= LEAST]


def _described(
    network: Network, sampler: Sampler, sites: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float32]:
    device = next(network.parameters()).device
    samples = [sampler.sample(int(site), rng) for site in sites]
    image = torch.from_numpy(np.stack([s.query for s in samples])).to(device)[:, None].float() / 255.0
    mask = torch.ones_like(image)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        _, _, region = network(image, mask)
    return np.ascontiguousarray(region.float().cpu().numpy())
