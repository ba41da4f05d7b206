"""A user's own module: what it gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from search_spaces.errors import SpaceError
from search_spaces.tracing.meta import meta_copy


def classes_of(module: nn.Module, input_size: Sequence[int]) -> int:
    """How many classes its logits have, found on the meta device. Raises SpaceError where it gives none."""
    try:
        with torch.no_grad(), torch.device("meta"):
            out = meta_copy(module)(torch.empty(1, *input_size))
    except Exception as error:  # whatever a user's forward pass raises
        text = (str(error).splitlines() or [type(error).__name__])[0]
        name = type(module).__name__
        raise SpaceError(f"sorted_net: {name} cannot be traced on images {tuple(input_size)}: {text[:200]}") from None
    if not isinstance(out, Tensor) or out.dim() != 2:
        raise SpaceError(f"sorted_net: {type(module).__name__} must give logits of shape (images, classes)")
    return int(out.shape[1])
