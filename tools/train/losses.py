"""What is minimised: the task itself.

Dense: cross-entropy over the correlation surface. A query has to find its one cell among all cells of all map windows
of the batch; the correlation is the one that flies (masked, normalised, with the reliability inside).
Global: InfoNCE over map windows with soft positives, weighted by how much of the ground they share (after the weighted
InfoNCE of Game4Loc).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as f

MARGIN_CELLS = 8
"""How far beyond its map window a query may reach."""
MIN_OVERLAP = 0.5
LABEL_CELLS = 0.6
"""Standard deviation of the soft label around the true place, in cells."""
SHARED_PX = 40.0
"""Distance between window centres at which the weight of a positive falls to 1/e^0.5."""


def surfaces(query: Tensor, query_valid: Tensor, window: Tensor, window_valid: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised correlation of every query with every window, and where enough of them overlaps.

    Queries N x C x h x w, windows M x C x H x W. Gives N x M x S x S; index s is a shift of s - MARGIN_CELLS cells.
    """
    side = window.shape[-1] + MARGIN_CELLS
    shifts = window.shape[-1] - query.shape[-1] + 2 * MARGIN_CELLS + 1
    weight = (query * query).sum(1, keepdim=True)
    dot = _correlated(query, window, side, shifts)
    window_energy = _correlated(query_valid, (window * window).sum(1, keepdim=True), side, shifts)
    query_energy = _correlated(weight, window_valid, side, shifts)
    share = (
        _correlated(query_valid, window_valid, side, shifts)
        / query_valid.sum((1, 2, 3)).clamp(min=1.0)[:, None, None, None]
    )
    value = dot * torch.rsqrt(window_energy.clamp(min=1e-3) * query_energy.clamp(min=1e-3))
    return value * share.clamp(0.0, 1.0).add(1e-6).sqrt(), share > MIN_OVERLAP


def _correlated(query: Tensor, window: Tensor, side: int, shifts: int) -> Tensor:
    """Cross-correlation summed over channels, N x M x shifts x shifts, by FFT over a torus just large enough."""
    q, w = (torch.fft.rfft2(x, s=(side, side)) for x in (query, window))
    product = torch.einsum("nchw,mchw->nmhw", q.conj(), w) if q.shape[1] == 1 else _mixed(q, w)
    full = torch.fft.irfft2(product, s=(side, side))
    rolled = torch.roll(full, (MARGIN_CELLS, MARGIN_CELLS), (2, 3))
    return rolled[..., :shifts, :shifts]


def _mixed(q: Tensor, w: Tensor) -> Tensor:
    """Sum over channels of conj(q) w for all pairs, as real batched matrix products over frequencies."""
    n, c, h, k = q.shape
    left = torch.cat([q.real, q.imag], 1).permute(2, 3, 0, 1).reshape(h * k, n, 2 * c).contiguous()
    real = torch.cat([w.real, w.imag], 1).permute(2, 3, 1, 0).reshape(h * k, 2 * c, -1).contiguous()
    imag = torch.cat([w.imag, -w.real], 1).permute(2, 3, 1, 0).reshape(h * k, 2 * c, -1).contiguous()
    parts = [torch.bmm(left, right) for right in (real, imag)]
    for part in parts:
        if part.requires_grad:  # bmm is many times slower on what is not contiguous, gradients too
            part.register_hook(Tensor.contiguous)
    return torch.complex(*parts).reshape(h, k, n, -1).permute(2, 3, 0, 1)


def place_loss(value: Tensor, usable: Tensor, truth: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the true place (N x 2: row, column on the own surface) and whether the best place is right."""
    n, m, s, _ = value.shape
    logits = torch.where(usable, value * scale, torch.full_like(value, -1e4))
    axis = torch.arange(s, dtype=value.dtype, device=value.device)
    near = -((axis[None] - truth[:, :, None]) ** 2) / (2.0 * LABEL_CELLS**2)
    label = torch.exp(near[:, 0, :, None] + near[:, 1, None, :])
    own = torch.arange(n, device=value.device)
    label = label * usable[own, own]
    known = label.flatten(1).sum(1) > 0.5
    label = label / label.flatten(1).sum(1).clamp(min=1e-6)[:, None, None]
    logs = f.log_softmax(logits.flatten(1), 1).reshape(n, m, s, s)[own, own]
    loss = -(label * logs).flatten(1).sum(1)[known].mean()
    best = logits.flatten(1).argmax(1)
    row, column = (best % (s * s)) // s, best % s
    right = (best // (s * s) == own) & ((row - truth[:, 0]).abs() < 1.5) & ((column - truth[:, 1]).abs() < 1.5)
    return loss, right[known].float().mean()


def region_loss(query: Tensor, regions: Tensor, distance_px: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Soft InfoNCE (N queries, R regions; N x R distances, infinite for other sites) and the share of top-1 hits."""
    logits = query @ regions.T * scale
    weight = torch.exp(-0.5 * (distance_px / SHARED_PX) ** 2)
    label = weight / weight.sum(1, keepdim=True).clamp(min=1e-6)
    loss = -(label * f.log_softmax(logits, 1)).sum(1)
    trust = weight.amax(1)
    hit = torch.isfinite(distance_px.gather(1, logits.argmax(1, keepdim=True))).float()
    return (loss * trust).sum() / trust.sum().clamp(min=1e-6), hit.mean()
