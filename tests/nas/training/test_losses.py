"""Losses against their definitions."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nas.training.losses import alpha_divergence, cross_entropy, sharpened


def divergence(p: torch.Tensor, q: torch.Tensor, alpha: float) -> torch.Tensor:
    """D_alpha(p || q) by its definition; alpha = 1 is the Kullback-Leibler divergence."""
    if alpha == 1.0:
        return (p * (p / q).log()).sum(1)
    return ((q * (p / q).pow(alpha)).sum(1) - 1) / (alpha * (alpha - 1))


def test_adaptive_alpha_divergence_is_the_larger_of_the_two_with_its_gradient() -> None:
    torch.manual_seed(0)
    p = F.softmax(torch.randn(6, 5, dtype=torch.float64), 1)
    logits = torch.randn(6, 5, dtype=torch.float64)
    p[0], logits[0] = 0.2, torch.tensor([6.0, 0, 0, 0, 0])  # four classes are underestimated: KL is larger here
    logits.requires_grad_()
    both = torch.stack([divergence(p, F.softmax(logits, 1), a) for a in (-1.0, 1.0)])
    expected = both.max(0).values.mean()
    (gradient,) = torch.autograd.grad(expected, logits)
    got = alpha_divergence(logits, p, clip=1e9)
    (ours,) = torch.autograd.grad(got, logits)
    assert torch.allclose(got.double(), expected, atol=1e-5)
    assert torch.allclose(ours, gradient, atol=1e-5)
    assert (both[0] > both[1]).any()
    assert (both[0] < both[1]).any()


def test_clipping_bounds_the_weight_of_a_class() -> None:
    p = torch.tensor([[0.999, 0.001]])
    logits = torch.tensor([[-20.0, 20.0]], requires_grad=True)
    loss = alpha_divergence(logits, p)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss)
    assert float(gradient.abs().max()) <= 5.0


def test_equal_distributions_have_no_divergence() -> None:
    logits = torch.randn(4, 7)
    assert abs(float(alpha_divergence(logits, F.softmax(logits, 1)))) < 1e-6


def test_cross_entropy_takes_numbers_and_probabilities() -> None:
    logits, labels = torch.randn(8, 4), torch.arange(8) % 4
    assert torch.allclose(cross_entropy(logits, labels), cross_entropy(logits, F.one_hot(labels, 4).float()))


def test_sharpening() -> None:
    logits = torch.tensor([[1.0, 0.0]])
    assert sharpened(logits, 0.2)[0, 0] > sharpened(logits, 1.0)[0, 0]
