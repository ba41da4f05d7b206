"""A second, independent implementation of every proxy: float64, slow, obvious loops over what the equation says.

Each takes the probe for what was drawn (images, labels, circle, Gaussian weights) and nothing else of ours.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from predictors.training_free.passes.circle import probe_circle
from predictors.training_free.passes.gaussian import gaussian_weights
from predictors.training_free.probe import Probe

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.Hardswish)
NORMS = (nn.LayerNorm, nn.BatchNorm2d)


def kernels(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]


def halves(probe: Probe) -> list[tuple[Tensor, Tensor]]:
    return list(zip(probe.images.chunk(2), probe.labels(5).chunk(2), strict=True))


def blocks(model: nn.Module) -> list[nn.Module]:
    return list(model.blocks) if hasattr(model, "blocks") else list(model[3])


def captured(model: nn.Module, modules: list[nn.Module], images: Tensor, inputs: bool = False) -> list[Tensor]:
    """Inputs or outputs of modules in one forward pass, and what the network returns, last."""
    found: list[Tensor] = []

    def hook(_m: nn.Module, given: tuple[Tensor], out: Tensor) -> None:
        found.append(given[0] if inputs else out)

    handles = [m.register_forward_hook(hook) for m in modules]
    found.append(model(images))
    for handle in handles:
        handle.remove()
    return found


def gradients(probe: Probe, model: nn.Module | None = None) -> list[list[Tensor]]:
    """dL/dW by mini-batch and kernel."""
    model = model or probe.model
    weights = [m.weight for m in kernels(model)]
    return [list(torch.autograd.grad(F.cross_entropy(model(x), y), weights)) for x, y in halves(probe)]


def mean_gradients(probe: Probe, model: nn.Module | None = None) -> list[Tensor]:
    first, second = gradients(probe, model)
    return [(a + b) / 2 for a, b in zip(first, second, strict=True)]


def grad_norm(probe: Probe) -> float:
    return sum(math.sqrt(float((g**2).sum())) for g in mean_gradients(probe))


def snip(probe: Probe) -> float:
    """By its definition: the gradient of a mask of ones on each weight."""
    names = [f"{n}.weight" for n, m in probe.model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    parameters = dict(probe.model.named_parameters())
    masks = [torch.ones_like(parameters[n], requires_grad=True) for n in names]
    total = [torch.zeros_like(m) for m in masks]
    for x, y in halves(probe):
        masked = {n: parameters[n].detach() * m for n, m in zip(names, masks, strict=True)}
        logits = torch.func.functional_call(probe.model, masked, (x,))
        for t, g in zip(total, torch.autograd.grad(F.cross_entropy(logits, y), masks), strict=True):
            t += g / 2
    return sum(float(t.abs().sum()) for t in total)


def plain(probe: Probe) -> float:
    weights = [m.weight.detach() for m in kernels(probe.model)]
    return sum(float((w * g).sum()) for w, g in zip(weights, mean_gradients(probe), strict=True))


def zico(probe: Probe) -> float:
    total = 0.0
    for layer in zip(*gradients(probe), strict=True):
        g = torch.stack(layer).numpy()
        mean, std = np.abs(g).mean(0), g.std(0)
        total += math.log((mean[std > 0] / std[std > 0]).sum())
    return total


def fisher(probe: Probe) -> float:
    modules, total = kernels(probe.model), 0.0
    for x, y in halves(probe):
        *outputs, logits = captured(probe.model, modules, x)
        for module, out, grad in zip(
            modules, outputs, torch.autograd.grad(F.cross_entropy(logits, y), outputs), strict=True
        ):
            product = (out * grad).detach()
            product = product.movedim(1, -1) if product.ndim == 4 else product
            per_image = product.reshape(len(x), -1, product.shape[-1]).sum(1)
            for channel in range(per_image.shape[1]):
                squares = sum(float(v) ** 2 for v in per_image[:, channel])
                total += 0.5 * squares / len(probe.images) * module.weight[channel].numel()
    return total


def grasp(probe: Probe) -> float:
    """The Hessian times the gradient as a central difference of gradients."""
    g, step = mean_gradients(probe), 1e-6
    moved = []
    for sign in (1, -1):
        model = copy.deepcopy(probe.model)
        with torch.no_grad():
            for m, d in zip(kernels(model), g, strict=True):
                m.weight += sign * step * d
        moved.append(mean_gradients(probe, model))
    total = 0.0
    for m, a, b in zip(kernels(probe.model), *moved, strict=True):
        total -= float((m.weight.detach() * (a - b) / (2 * step)).sum())
    return total


def jacob_cov(probe: Probe) -> float:
    rows = []
    for x, _ in halves(probe):
        x = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(probe.model(x).sum(), x)
        rows += [r.flatten().numpy() for r in g]
    v = np.linalg.eigvals(np.corrcoef(np.stack(rows))).real
    return -sum(math.log(e + 1e-5) + 1 / (e + 1e-5) for e in v)


def signs(probe: Probe) -> np.ndarray:
    """Whether the input of each activation is positive, (N, neurons)."""
    modules = [m for m in probe.model.modules() if isinstance(m, ACTIVATIONS)]
    parts = []
    for x, _ in halves(probe):
        found = captured(probe.model, modules, x, inputs=True)[:-1]
        parts.append(np.concatenate([(f > 0).reshape(len(x), -1).numpy() for f in found], 1))
    return np.concatenate(parts)


def naswot(probe: Probe) -> float:
    s = signs(probe)
    kernel = [[float((a == b).sum()) for b in s] for a in s]
    return float(np.linalg.slogdet(np.array(kernel))[1])


def linear_regions(probe: Probe) -> float:
    s = signs(probe)
    sets = torch.randint(s.shape[1], (256, 4), generator=probe.generator("linear_regions")).tolist()
    return sum(len({tuple(row[chosen]) for row in s}) for chosen in sets) / len(sets)


def meco(probe: Probe) -> float:
    passive = (nn.Identity, nn.Dropout)
    leaves = [m for m in probe.model.modules() if not list(m.children()) and not isinstance(m, passive)]
    total = 0.0
    for out in captured(probe.model, leaves, probe.images.chunk(2)[0])[:-1]:
        if out.ndim == 2:
            continue
        first = out[0].detach()
        matrix = first.reshape(len(first), -1).numpy() if out.ndim == 4 else first.numpy().T
        if matrix.shape[0] < matrix.shape[1]:
            total += min(np.linalg.eigvalsh(np.corrcoef(matrix)))
    return total


def gaussian_model(probe: Probe) -> nn.Module:
    model = copy.deepcopy(probe.model)
    model.load_state_dict(gaussian_weights(probe))
    return model


def zen(probe: Probe) -> float:
    model = gaussian_model(probe)
    x, step = probe.noise(4, "gaussian images"), probe.noise(4, "gaussian step")
    last = [blocks(model)[-1]]
    with torch.no_grad():
        before, after = captured(model, last, x)[0], captured(model, last, x + 0.01 * step)[0]
        inputs = captured(model, [m for m in model.modules() if isinstance(m, NORMS)], x, inputs=True)[:-1]
    change = sum(float((a - b).abs().sum()) for a, b in zip(before, after, strict=True)) / 4
    scales = 0.0
    for i in inputs:
        axes = (0, 2, 3) if i.ndim == 4 else -1
        scales += math.log(math.sqrt(float(np.var(i.numpy(), axis=axes).mean())))
    return math.log(change) + scales


def swap(probe: Probe) -> float:
    model = gaussian_model(probe)
    x = probe.images[:24] if probe.has_batch else probe.noise(24, "gaussian patterns")
    modules = [m for m in model.modules() if isinstance(m, ACTIVATIONS)]
    with torch.no_grad():
        inputs = captured(model, modules, x, inputs=True)[:-1]
    patterns = set()
    for i in inputs:
        patterns |= {tuple(row) for row in (i > 0).reshape(len(x), -1).T.tolist()}
    return float(len(patterns))


def swap_reg(probe: Probe) -> float:
    millions = sum(p.numel() for p in probe.model.parameters()) / 1e6
    return swap(probe) * math.exp(-((millions - 10) ** 2) / 100)


def pooled(out: Tensor) -> Tensor:
    return out.mean((2, 3)) if out.ndim == 4 else out.mean(1)


def ntk(probe: Probe) -> float:
    """As released: one graph of a batch, a backward pass through all of it for each image."""
    weights = [p for n, p in probe.model.named_parameters() if "weight" in n]
    rows = []
    for x, _ in halves(probe):
        for image in pooled(captured(probe.model, [blocks(probe.model)[-1]], x)[0]):
            g = torch.autograd.grad(image.sum(), weights, retain_graph=True, allow_unused=True)
            rows.append(torch.cat([x.flatten() for x in g if x is not None]).numpy())
    values = np.linalg.eigvalsh(np.stack(rows) @ np.stack(rows).T)
    return values[-1] / values[0]


def without_norms(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, NORMS):
                setattr(parent, name, nn.Identity())
    return model.eval()


def circle_features(probe: Probe) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """z of an angle, and the ten angles."""
    model, circle = without_norms(probe.model), probe_circle(probe)

    def z(t: Tensor) -> Tensor:
        image = torch.cos(t) * circle.cosine + torch.sin(t) * circle.sine
        return pooled(captured(model, [blocks(model)[-1]], image[None])[0])[0]

    return z, torch.tensor([2 * math.pi * i / 9 for i in range(10)], dtype=torch.float64)


def derivatives(probe: Probe) -> list[tuple[np.ndarray, np.ndarray]]:
    """(dz/dt, d2z/dt2) at each angle, by a backward pass per feature. The circle depends on the seed alone."""
    if type(probe.model) not in _DERIVATIVES:
        _DERIVATIVES[type(probe.model)] = _derivatives(probe)
    return _DERIVATIVES[type(probe.model)]


_DERIVATIVES: dict[type[nn.Module], list[tuple[np.ndarray, np.ndarray]]] = {}


def _derivatives(probe: Probe) -> list[tuple[np.ndarray, np.ndarray]]:
    z, angles = circle_features(probe)
    found = []
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        for angle in angles:
            t = angle.clone().requires_grad_()
            first = [torch.autograd.grad(f, t, create_graph=True)[0] for f in z(t)]
            second = [torch.autograd.grad(f, t, retain_graph=True)[0] for f in first]
            found.append((np.array([f.item() for f in first]), np.array([s.item() for s in second])))
    return found


def le(probe: Probe) -> float:
    return sum(float(np.linalg.norm(v)) for v, _ in derivatives(probe))


def curvature(probe: Probe) -> float:
    return sum((v @ v) ** -1.5 * math.sqrt((v @ v) * (a @ a) - (v @ a) ** 2) for v, a in derivatives(probe))


def gauss_length(probe: Probe) -> float:
    """d(v/|v|)/dt by the quotient rule."""
    total = 0.0
    for v, a in derivatives(probe):
        speed = np.linalg.norm(v)
        total += float(np.linalg.norm(a / speed - v * (v @ a) / speed**3))
    return total


def positive_linear(probe: Probe) -> tuple[nn.Module, list[Tensor]]:
    """The network of absolute weights without norms and rectifiers, its queries and keys 0 (so attention is uniform),
    and dR/dW of each kernel on an image of ones."""
    model = without_norms(probe.model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, ACTIVATIONS):
                setattr(parent, name, nn.Identity())
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.abs_()
            if "qkv" in name:
                p[:32] = 0
    total = model(torch.ones(1, 3, 16, 16, dtype=torch.float64)).sum()
    return model, list(torch.autograd.grad(total, [m.weight for m in kernels(model)]))


def synflow(probe: Probe) -> float:
    model, found = positive_linear(probe)
    return math.log(sum(float((m.weight.detach() * g).abs().sum()) for m, g in zip(kernels(model), found, strict=True)))


def dss(probe: Probe) -> float:
    _, found = positive_linear(probe)
    total = 0.0
    for (name, m), g in zip(
        [(n, m) for n, m in probe.model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))], found, strict=True
    ):
        w = m.weight.detach().abs()
        if ".attn." in name:
            total += np.linalg.svd(w.numpy())[1].sum() * np.linalg.svd(g.numpy())[1].sum()
        else:
            total += float((w * g).sum())
    return math.log(total)


def entropies(probe: Probe) -> list[float]:
    found = []
    with torch.no_grad():
        outputs = captured(probe.model, blocks(probe.model), probe.images.chunk(2)[0])[:-1]
    for out in outputs:
        channels_last = out.permute(0, 2, 3, 1) if out.ndim == 4 else out
        values = np.linalg.eigvalsh(np.cov(channels_last.reshape(-1, channels_last.shape[-1]).numpy().T))
        p = [v / sum(values) for v in values]
        found.append(-sum(q * math.log(q) for q in p if q > 1e-300))
    return found


def az_expressivity(probe: Probe) -> float:
    return sum(entropies(probe))


def az_progressivity(probe: Probe) -> float:
    return min(b - a for a, b in pairwise(entropies(probe)))


def az_trainability(probe: Probe) -> float:
    """Each block but the first on its own, from the outputs of the one before."""
    outputs = captured(probe.model, blocks(probe.model), probe.images.chunk(2)[0])[:-1]
    generator, terms = probe.generator("az_trainability"), []
    for block, given in zip(blocks(probe.model)[1:], outputs, strict=False):
        x = given.detach().requires_grad_()
        out = block(x)
        sign = torch.randint(2, out.shape, generator=generator).double() * 2 - 1
        (g,) = torch.autograd.grad(out, x, sign)
        flat = [(t.permute(0, 2, 3, 1) if t.ndim == 4 else t).reshape(-1, out.shape[1 if t.ndim == 4 else 2])
                for t in (g, sign)]  # fmt: skip
        s = np.linalg.svd((flat[0].T @ flat[1] / len(flat[0])).numpy())[1][0]
        terms.append(2 - s - 1 / (s + 1e-6))
    return sum(terms) / len(terms)


def params(probe: Probe) -> float:
    return float(sum(p.numel() for p in probe.model.parameters()))


def macs(probe: Probe) -> float:
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        copy.deepcopy(probe.model).to("meta").eval()(torch.empty(1, 3, 16, 16, dtype=torch.float64))
    return counter.get_total_flops() / 2


az_complexity = macs


def fan_ins(probe: Probe) -> list[int]:
    """Of every kernel but the classifier; in these two networks all lie on the main path, in this order."""
    return [m.weight[0].numel() for m in kernels(probe.model)[:-1]]


def depth(probe: Probe) -> float:
    return len(fan_ins(probe))


def width(probe: Probe) -> float:
    return float(np.prod([float(w) for w in fan_ins(probe)]) ** (1 / len(fan_ins(probe))))


def entropy(probe: Probe) -> float:
    """One scale in either network: 16 channels on 4 x 4 patches and a class token, or 8 on a map of 8 x 8."""
    volume = 16 * 17 if hasattr(probe.model, "blocks") else 8 * 8 * 8
    return 8 * math.log(volume) * sum(0.5 * math.log(w) for w in fan_ins(probe))
