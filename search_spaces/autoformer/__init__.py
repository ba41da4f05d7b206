"""AutoFormer (Chen et al., ICCV 2021): choices and operators in ``space``, module in ``model``."""

from search_spaces.autoformer.space import AutoFormer

__all__ = ["AutoFormer"]
