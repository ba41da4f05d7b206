"""Stitching: a whole front between pretrained networks (SN-Net v1 and v2)."""

from search_spaces.stitching.space import Stitching

__all__ = ["Stitching"]
