"""Runs of residual blocks: where a network's depth may be cut.

A block can be left out where it reads one tensor, writes one of the same shape and channels, and adds something to what
it read. Consecutive ones in a container are a run; a sub-model keeps its first blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import fx, nn

from search_spaces.sorted_net.graph import labels_of, members
from search_spaces.sorted_net.groups import Groups
from search_spaces.sorted_net.sizes import Run

ADDS = ("add", "iadd")
PASSING = (nn.Identity, nn.Dropout)


def find_runs(module: nn.Module, graph: fx.GraphModule, groups: Groups) -> tuple[Run, ...]:
    """The runs of ``module`` by its labelled graph, in order; of nested ones the longest, then innermost."""
    inside = members(graph)
    found: list[Run] = []
    for path, container in module.named_modules():
        found += _of_container(path, [n for n, _ in container.named_children()], inside, groups, graph)
    chosen: list[Run] = []
    for run in sorted(found, key=lambda run: (len(run.blocks), run.blocks[0].count(".")), reverse=True):
        if not any(_overlap(run, other) for other in chosen):
            chosen.append(run)
    return tuple(run for run in found if run in chosen)


def _overlap(a: Run, b: Run) -> bool:
    return any(f"{x}.".startswith(f"{y}.") or f"{y}.".startswith(f"{x}.") for x in a.blocks for y in b.blocks)


def _of_container(
    path: str, names: Sequence[str], inside: Mapping[str, list[fx.Node]], groups: Groups, graph: fx.GraphModule
) -> Iterator[Run]:
    prefix = f"{path}." if path else ""
    current: list[str] = []
    before = False
    ends: list[str | None] = [*names, None]
    for name in ends:
        block = None if name is None else prefix + name
        if block is not None and f"{block}@1" not in inside and _removable(inside.get(block, []), groups, graph):
            current.append(block)
            continue
        if current and (before or len(current) > 1):
            yield Run(tuple(current), before)
        current, before = [], name is not None


def _removable(nodes: Sequence[fx.Node], groups: Groups, graph: fx.GraphModule) -> bool:
    own = set(nodes)
    reads = {a for n in nodes for a in n.all_input_nodes if a not in own and a.op != "get_attr"}
    sources = {a for a in reads if a.meta["shape"] is not None}
    results = [n for n in nodes if any(u not in own for u in n.users)]
    if len(sources) != 1 or len(results) != 1:
        return False
    source, result = sources.pop(), results[0]
    ins, outs = labels_of(source), labels_of(result)
    if ins is None or outs is None or source.meta["shape"] != result.meta["shape"]:
        return False
    same = all(
        a == b if a is None or b is None else groups.find(a) == groups.find(b) for a, b in zip(ins, outs, strict=True)
    )
    return same and _residual(nodes, source, graph)


def _residual(nodes: Sequence[fx.Node], source: fx.Node, graph: fx.GraphModule) -> bool:
    """Whether an addition in the block reads the block's own input."""
    direct = {source}
    for node in nodes:
        if node.op == "call_module" and isinstance(graph.get_submodule(str(node.target)), PASSING):
            direct |= {node} if node.args[0] in direct else set()
    adds = [n for n in nodes if getattr(n.target, "__name__", str(n.target)).strip("_") in ADDS]
    return any(source in direct for node in adds for source in node.all_input_nodes)
