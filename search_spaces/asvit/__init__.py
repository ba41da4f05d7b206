"""As-ViT: a hierarchical ViT without position embeddings; choices and operators in ``space``, module in ``model``."""

from search_spaces.asvit.space import AsViT

__all__ = ["AsViT"]
