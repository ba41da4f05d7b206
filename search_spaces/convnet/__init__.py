"""Staged CNNs as DeepMAD designs them: choices and operators in ``space``, module and supernet in ``model``."""

from search_spaces.convnet.space import ConvNet

__all__ = ["ConvNet"]
