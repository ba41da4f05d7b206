"""Losses. Shapes: B images, K classes; logits and probabilities are (B, K)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ALPHAS = (-1.0, 1.0)
CLIP = 5.0
"""Largest importance weight of :func:`alpha_divergence`."""


def cross_entropy(logits: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy to class numbers (B,) or to probabilities (B, K); smoothing mixes in the uniform ones."""
    return F.cross_entropy(logits.float(), target, label_smoothing=smoothing)


def sharpened(logits: Tensor, temperature: float) -> Tensor:
    """softmax(logits / T): below 1 it is sharper than the network's own, at 0 it is the single best class."""
    if temperature == 0:
        return F.one_hot(logits.argmax(1), logits.shape[1]).float()
    return F.softmax(logits.float() / temperature, dim=1)


def probabilities(target: Tensor, classes: int, smoothing: float = 0.0) -> Tensor:
    """Class numbers (B,) as smoothed probabilities (B, K); probabilities as they are. Cross-entropy is the same."""
    if target.dim() > 1:
        return target
    return F.one_hot(target, classes).float() * (1 - smoothing) + smoothing / classes


def alpha_divergence(logits: Tensor, target: Tensor, clip: float = CLIP) -> Tensor:
    """Adaptive alpha-divergence from ``target`` probabilities p to softmax(logits) q (Wang et al., AlphaNet, 2021).

    D_alpha(p || q) = E_q[(p/q)^alpha - 1] / (alpha (alpha - 1)) punishes what q overestimates for alpha = -1, and
    what it underestimates for alpha = 1 (its limit, the Kullback-Leibler divergence). For every image the larger of
    the two counts. With t = p/q its gradient is -E_q[rho(t) d log q], where rho is t^alpha / alpha up to a constant
    that has no effect (E_q[d log q] = 0); (p/q)^alpha is clipped at ``clip``, so that rare classes cannot dominate.

    The result has that gradient and the value of the larger (clipped) divergence.
    """
    log_q = F.log_softmax(logits.float(), dim=1)
    q = log_q.detach().exp()
    ratio = (target.clamp_min(1e-12).log() - log_q.detach()).exp()
    values, surrogates = zip(*(_divergence(alpha, ratio, q, log_q, clip) for alpha in ALPHAS), strict=True)
    larger = torch.where(values[0] > values[1], surrogates[0], surrogates[1])
    value = torch.maximum(*values)
    return (value + larger - larger.detach()).mean()


def _divergence(alpha: float, ratio: Tensor, q: Tensor, log_q: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """(value, a function with the gradient of the divergence), each (B,)."""
    weight = ratio.pow(alpha).clamp(max=clip)
    if alpha == 1.0:
        value = (q * weight * ratio.clamp(max=clip).log()).sum(1)
    else:
        value = (q * (weight - 1)).sum(1) / (alpha * (alpha - 1))
    return value, -(q * (weight / alpha) * log_q).sum(1)
