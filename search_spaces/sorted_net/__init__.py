"""SortedNet: nested sub-models of any network along width, depth and heads (Valipour et al., 2023)."""

from search_spaces.sorted_net.space import SortedNet

__all__ = ["SortedNet"]
