"""How long the training-free proxies take at 224 pixels, beside straightforward reverse-mode implementations.

    python benchmarks/proxy_speed.py                 # As-ViT's seed topology (the proxy network, C = 32), DeiT-Ti, S1
    python benchmarks/proxy_speed.py --network asvit --no-le

Prints, per network: processor seconds to score it by each proxy alone (one module build each), by the straightforward
implementation, how far the two values are apart, and all proxies together against the dearest. One torch thread,
processor time: other work on the machine moves the wall clock.

The straightforward LE differentiates one feature at a time through the batch of images, as the released code does: some
hundred backward passes, minutes for As-ViT.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from predictors.training_free import Limits, get_proxy, list_proxies, score
from predictors.training_free.isolation import one_thread, seeded
from predictors.training_free.passes.circle import POINTS, probe_circle
from predictors.training_free.passes.features import pooled_features
from predictors.training_free.passes.functions import NORMS, input_of, name_of
from predictors.training_free.probe import Probe

Straightforward = Callable[[Probe], float]
ASVIT_SEED = "8,2,3|4,1,2|4,1,4|4,1,6|32"
SHARE = 6
"""Images per batch of the released LE."""


def asvit() -> nn.Module:
    """The network that As-ViT's proxies see: its seed topology at depth 1, 1, 1, 1 and C = 32."""
    from search_spaces import get_space

    space = get_space("asvit")
    return space.model(space.from_released(ASVIT_SEED))


def deit() -> nn.Module:
    """DeiT-Ti."""
    import timm

    made: nn.Module = timm.create_model("deit_tiny_patch16_224")
    return made


def elasticvit() -> nn.Module:
    """ElasticViT-S1 at 224 pixels: convolutions, batch norms and attention."""
    from search_spaces import get_space

    space = get_space("elasticvit")
    return space.model(space.published["S1"])


NETWORKS = {"asvit": asvit, "deit": deit, "elasticvit": elasticvit}


class _WithoutNorms(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return input_of(args, kwargs) if name_of(func) in NORMS else func(*args, **(kwargs or {}))


def reverse_le(probe: Probe) -> float:
    """dz/dt by one backward pass per feature and batch of six images; then the chain rule along the circle."""
    circle = probe_circle(probe)
    angles = torch.linspace(0, 2 * math.pi, POINTS)
    speed = -angles.sin()[:, None, None, None] * circle.cosine + angles.cos()[:, None, None, None] * circle.sine
    total = 0.0
    for start in range(0, POINTS, SHARE):
        images = circle.at(angles[start : start + SHARE]).requires_grad_()
        with _WithoutNorms():
            z = pooled_features(probe.model, images)
        columns = [torch.autograd.grad(f.sum(), images, retain_graph=True)[0] for f in z.T]
        v = torch.stack([(c * speed[start : start + SHARE]).flatten(1).sum(1) for c in columns], 1)
        total += float(v.norm(dim=1).sum())
    return total


def reverse_ntk(probe: Probe) -> float:
    """One graph of the batch and a backward pass through all of it for each image."""
    weights = [p for n, p in probe.model.named_parameters() if "weight" in n]
    rows = []
    for part in probe.images.chunk(2):
        for image in pooled_features(probe.model, part):
            found = torch.autograd.grad(image.sum(), weights, retain_graph=True, allow_unused=True)
            rows.append(torch.cat([g.flatten() for g in found if g is not None]))
    g = torch.stack(rows).double()
    values = torch.linalg.eigvalsh(g @ g.T)
    return float(values[-1] / values[0])


def _gradients(probe: Probe) -> list[tuple[Tensor, ...]]:
    weights = list(probe.weights().values())
    parts = []
    for images, labels in zip(probe.images.chunk(2), _labels(probe), strict=True):
        parts.append(torch.autograd.grad(F.cross_entropy(probe.model(images), labels), weights, allow_unused=True))
    return parts


def _labels(probe: Probe) -> tuple[Tensor, ...]:
    with torch.no_grad():
        classes = probe.model(probe.images[:2]).shape[1]
    return probe.labels(classes).chunk(2)


def reverse_grad_norm(probe: Probe) -> float:
    """Forward and backward of both mini-batches."""
    parts = _gradients(probe)
    return sum(float((a + b).norm() / 2) for a, b in zip(*parts, strict=True) if a is not None)


def reverse_snip(probe: Probe) -> float:
    """The same, times the weights."""
    triples = zip(probe.weights().values(), *_gradients(probe), strict=True)
    return sum(float((w.detach() * (a + b) / 2).abs().sum()) for w, a, b in triples if a is not None)


def reverse_jacob_cov(probe: Probe) -> float:
    """One backward pass to each image of its own."""
    rows = []
    for part in probe.images.chunk(2):
        images = part.clone().requires_grad_()
        rows.append(torch.autograd.grad(probe.model(images).sum(), images)[0].flatten(1))
    v = torch.linalg.eigvalsh(torch.corrcoef(torch.cat(rows).double())) + 1e-5
    return -float((v.log() + 1 / v).sum())


STRAIGHTFORWARD: dict[str, Straightforward] = {
    "le": reverse_le, "ntk": reverse_ntk, "grad_norm": reverse_grad_norm, "snip": reverse_snip,
    "jacob_cov": reverse_jacob_cov,
}  # fmt: skip


def alone(build: Callable[[], nn.Module], names: list[str]) -> tuple[float, dict[str, float | None]]:
    """Processor seconds to build the network and score it, and the values."""
    begin = time.process_time()
    with seeded(0, "weights"):
        model = build()
    outcomes = score(model, names=names, limits=Limits(None, None), input_size=(3, 224, 224))
    return time.process_time() - begin, {n: o.value for n, o in outcomes.items()}


def straightforward(build: Callable[[], nn.Module], name: str) -> tuple[float, float]:
    """Processor seconds and value of the other implementation."""
    begin = time.process_time()
    with seeded(0, "weights"):
        model = build()
    with one_thread():
        value = STRAIGHTFORWARD[name](Probe(model, None, seed=0, key="", input_size=(3, 224, 224)))
    return time.process_time() - begin, value


def run(network: str, with_le: bool) -> None:
    """Print the table of one network."""
    build = NETWORKS[network]
    alone(build, ["le"])  # imports, and the allocator's first growth
    print(f"\n{network}: processor seconds at 224 px, one thread")
    print(f"{'proxy':18s} {'ours':>8s} {'straight':>9s} {'faster':>7s} {'relative difference':>20s}")
    seconds = {}
    for name in list_proxies():
        seconds[name], values = alone(build, [name])
        value = values[name]
        line = f"{name:18s} {seconds[name]:8.2f}"
        if name in STRAIGHTFORWARD and value is not None and (with_le or name != "le"):
            took, other = straightforward(build, name)
            line += f" {took:9.2f} {took / seconds[name]:6.1f}x {abs(value - other) / abs(other):20.1e}"
        print(line + ("" if value is not None else "   no value"), flush=True)
    together, _ = alone(build, list_proxies())
    dearest = max(seconds, key=seconds.__getitem__)
    ratio = together / seconds[dearest]
    print(f"all {len(seconds)} together {together:.2f} s, one after the other {sum(seconds.values()):.1f} s")
    print(f"the dearest: {dearest} ({get_proxy(dearest).cost}), {seconds[dearest]:.2f} s; all cost {ratio:.2f} x that")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=tuple(NETWORKS))
    parser.add_argument("--no-le", action="store_true", help="leave out the straightforward LE, which takes minutes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for chosen in arguments.network or NETWORKS:
        run(chosen, not arguments.no_le)
