"""ElasticViT (Tang et al., ICCV 2023): choices and operators in ``space``, module and supernet in ``model``."""

from search_spaces.elasticvit.space import ElasticViT

__all__ = ["ElasticViT"]
