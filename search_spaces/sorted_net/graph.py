"""The torch.fx graph of a network with a label on every axis of every tensor: which channels must be cut together.

The graph is run once on the ``meta`` device for its shapes; ``rules`` follows the channels through each operator.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from search_spaces.errors import SpaceError
from search_spaces.sorted_net.groups import Dim, Groups, Label

LAYERS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm,
)  # fmt: skip
"""Layers whose parameters are cut; subclasses (timm's have activations inside) are leaves too."""


@dataclass(frozen=True)
class Axis:
    """One axis of a parameter or buffer: ``blocks`` equal parts side by side (q, k and v), each a ``dim``."""

    dim: Dim
    blocks: int = 1


@dataclass
class Findings:
    """What the graph says: labels of every tensor's axes by name, and attributes that repeat a length."""

    groups: Groups = field(default_factory=Groups)
    tensors: dict[str, dict[int, Axis]] = field(default_factory=dict)
    attributes: dict[tuple[str, str], Dim] = field(default_factory=dict)
    fixed: set[tuple[str, int]] = field(default_factory=set)
    unruled: dict[str, str] = field(default_factory=dict)
    """Layers with weights of their own that no rule knows: their type by path."""

    def bind(self, name: str, axis: int, dim: Label, blocks: int = 1) -> None:
        """``axis`` of tensor ``name`` is labelled ``dim``; a second binding (a layer called again) ties the two."""
        known = self.tensors.setdefault(name, {}).get(axis)
        if dim is None:
            self.fixed.add((name, axis))
        else:
            self.tensors[name].setdefault(axis, Axis(dim, blocks))
        if known is not None:
            self.groups.tie(known.dim, dim, name)
        elif (name, axis) in self.fixed:
            self.groups.keep(dim, name)


def is_attention(module: nn.Module) -> bool:
    """Whether this is timm's plain attention, whose heads can be cut."""
    from timm.layers.attention import Attention

    return type(module) is Attention


class Tracer(fx.Tracer):
    """Every layer that ``rules`` knows is a leaf."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """See ``torch.fx.Tracer``."""
        return isinstance(m, LAYERS) or is_attention(m) or super().is_leaf_module(m, module_qualified_name)


def graph_of(module: nn.Module, name: str) -> fx.GraphModule:
    """The graph of ``module``. Raises SpaceError where its forward pass depends on values."""
    defaults = {
        n: p.default for n, p in inspect.signature(module.forward).parameters.items() if p.default is not p.empty
    }
    try:
        return fx.GraphModule(module, Tracer().trace(module, concrete_args=defaults or None))
    except Exception as error:  # whatever a stranger's forward pass raises on proxies
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise SpaceError(f"sorted_net: {name} cannot be traced by torch.fx: {text[:200]}") from None


class Labeller(fx.Interpreter):
    """Runs a graph and labels it; ``node.meta`` then holds ``shape`` and ``labels`` of every tensor."""

    def __init__(self, graph: fx.GraphModule, findings: Findings) -> None:
        super().__init__(graph)
        self.findings = findings

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, then label its outcome."""
        from search_spaces.sorted_net.rules import label

        out = super().run_node(n)
        n.meta["shape"] = tuple(out.shape) if isinstance(out, Tensor) else None
        if n.op != "output":
            n.meta["labels"] = label(n, out, self)
        return out


def labels_of(value: Any) -> tuple[Label, ...] | None:
    """Labels of a node's tensor; None for anything that is no tensor of the graph."""
    return value.meta["labels"] if isinstance(value, fx.Node) and value.meta.get("shape") is not None else None


def label_graph(module: nn.Module, input_size: Sequence[int], name: str) -> tuple[fx.GraphModule, Findings]:
    """The labelled graph of ``module`` (on the meta device). Raises SpaceError where it cannot be traced or run."""
    graph, findings = graph_of(module, name), Findings()
    labeller = Labeller(graph, findings)
    try:
        with torch.no_grad(), torch.device("meta"):
            labeller.run(torch.empty(2, *input_size, device="meta"))
    except SpaceError:
        raise
    except Exception as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise SpaceError(f"sorted_net: {name} cannot run on images {tuple(input_size)}: {text[:200]}") from None
    for node in graph.graph.nodes:
        if node.op == "output":
            for source in node.all_input_nodes:
                for dim in labels_of(source) or ():
                    findings.groups.keep(dim, "the output")
    return graph, findings


def members(graph: fx.GraphModule) -> Mapping[str, list[fx.Node]]:
    """The nodes inside each module, by its path; a module called again has the path ``path@1``."""
    found: dict[str, list[fx.Node]] = {}
    for node in graph.graph.nodes:
        for path in node.meta.get("nn_module_stack") or {}:
            found.setdefault(path, []).append(node)
    return found
