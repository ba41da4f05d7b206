"""ElasticViT's preference for wide and shallow transformers over narrow and deep ones (section 3.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.training.samplers.extremes import is_depth, largest
from search_spaces import SearchSpace
from search_spaces.space import Genomes

WIDTHS = ("width", "embed", "embed_dim", "dim")


class Preference:
    """score(a) = MACs of a with the anchor's transformer widths - MACs of a with the anchor's transformer depths.

    Low is good: what makes ``a`` expensive is its width. Zero in a space without transformer widths and depths.
    """

    def __init__(self, space: SearchSpace) -> None:
        kinds = {s.name for s in space.summary(largest(space)) if s.kind == "transformer"}
        genes = [(i, *c.name.rpartition(".")[::2]) for i, c in enumerate(space.choices)]
        inside = [(i, leaf) for i, stage, leaf in genes if stage in kinds or not stage]
        self._space = space
        self._widths = [i for i, leaf in inside if leaf in WIDTHS]
        self._depths = [i for i, leaf in inside if is_depth(leaf)]

    def __call__(self, genomes: Genomes, anchor: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Scores, shape (N,)."""
        swapped = []
        for genes in (self._widths, self._depths):
            other = genomes.copy()
            other[:, genes] = anchor[genes]
            swapped.append(self._space.price(other, ("macs",))["macs"].astype(np.float64))
        return swapped[0] - swapped[1]
