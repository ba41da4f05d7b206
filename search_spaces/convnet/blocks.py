"""The residual block and the head as modules. B images, C channels, H x W maps.

Module paths follow the operator table: ``stem``, ``S1`` .. ``Sn``, ``conv_head``, ``head``.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from search_spaces.convnet.families import inverted, main_path, squeezed
from search_spaces.modules.conv import ConvNorm
from search_spaces.modules.mbconv import Shortcut
from search_spaces.modules.skeleton import Reused


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation as DeepMAD counts it (reference section 2.7): BN behind both 1x1 convolutions, no biases.

    (B, C, H, W) -> (B, C, H, W); ReLU inside, sigmoid outside. Training needs two images or more, as every BN of one
    value does.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = ConvNorm(channels, int(squeezed(channels)), act=nn.ReLU)
        self.expand = ConvNorm(int(squeezed(channels)), channels, act=nn.Sigmoid)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Gate the map."""
        return x_BCHW * self.expand(self.reduce(self.pool(x_BCHW)))


def _shortcut(family: str, c_in: int, out: int, stride: int, first: bool) -> nn.Module | None:
    if inverted(family):
        return Shortcut(c_in, c_in, stride) if c_in == out else None
    if not first:
        return nn.Identity()
    pool, project = Shortcut(c_in, c_in, stride), ConvNorm(c_in, out, act=None)
    return nn.Sequential(OrderedDict(pool=pool, project=project))


class Block(nn.Module, metaclass=Reused):
    """One residual block of any family: convolutions ``conv1`` .. , ``se`` behind ``conv2``, sum, ReLU.

    (B, c_in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self, family: str, c_in: int, out: int, *, bottleneck: int, kernel: int, stride: int, first: bool
    ) -> None:
        super().__init__()
        convs = main_path(family, c_in, out, bottleneck, kernel, stride)
        for i, c in enumerate(convs):
            act = nn.ReLU if i < len(convs) - 1 else None
            conv = ConvNorm(c.c_in, c.c_out, c.kernel, stride=c.stride, groups=c.groups, act=act)
            self.add_module(f"conv{i + 1}", conv)
            if family == "mobilenet_se" and i == 1:
                self.se = SqueezeExcite(bottleneck)
        self.main = [name for name, _ in self.named_children()]
        self.shortcut = _shortcut(family, c_in, out, stride, first)
        self.act = nn.ReLU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Main path, plus the shortcut where there is one."""
        out = x_BCHW
        for name in self.main:
            out = getattr(self, name)(out)
        return self.act(out if self.shortcut is None else out + self.shortcut(x_BCHW))


class Stage(nn.Sequential):
    """``depth`` blocks, of which the first changes width and side."""

    def __init__(
        self, family: str, c_in: int, out: int, *, bottleneck: int, kernel: int, depth: int, stride: int
    ) -> None:
        shape = {"bottleneck": bottleneck, "kernel": kernel}
        first = Block(family, c_in, out, stride=stride, first=True, **shape)
        super().__init__(first, *(Block(family, out, out, stride=1, first=False, **shape) for _ in range(depth - 1)))


class Head(nn.Module):
    """Mean over the map, dropout, classifier: (B, C, H, W) -> (B, num_classes)."""

    def __init__(self, width: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        self.width = width
        self.drop = nn.Dropout(drop_rate)
        self.classifier: nn.Module = nn.Linear(width, num_classes) if num_classes else nn.Identity()

    def reset_classifier(self, num_classes: int, like: Tensor) -> None:
        """A fresh last layer beside ``like``'s device and precision; none for 0 classes."""
        fresh = nn.Linear(self.width, num_classes, device=like.device, dtype=like.dtype) if num_classes else None
        self.classifier = nn.Identity() if fresh is None else fresh

    def forward(self, x_BCHW: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits, or the pooled features (B, C) with ``pre_logits``."""
        x_BC = x_BCHW.mean((2, 3))
        return x_BC if pre_logits else self.classifier(self.drop(x_BC))
