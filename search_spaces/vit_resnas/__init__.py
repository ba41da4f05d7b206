"""ViT-ResNAS (Liao et al., 2021): choices and operators in ``space``, module in ``model``."""

from search_spaces.vit_resnas.space import VitResNAS

__all__ = ["VitResNAS"]
