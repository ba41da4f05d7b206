"""Real images for the NTK: the first of a data set, at the resolution of the networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError


def ntk_images(source: str, count: int, in_chans: int, side: int) -> NDArray[np.float32]:
    """``count`` training images of a data set (see ``nas.training.data``), shape (count, in_chans, side, side).

    Taken evenly over the set, normalised, not augmented, resized bilinearly; a grey image fills every channel. Raises
    NasError (DataError) where there is no such data set, or its channels do not suit.
    """
    import torch.nn.functional as F

    from nas.training.data import load_data

    data = load_data(source, side=side)
    if data.facts.in_chans not in (1, in_chans):
        raise NasError(f"{source} has {data.facts.in_chans} channels, the networks take {in_chans}: give --in-chans")
    if data.facts.train < count:
        raise NasError(f"{source} has {data.facts.train} training images, the protocol takes {count}")
    rows = np.linspace(0, data.facts.train - 1, count).round().astype(np.int64)
    images, _ = next(iter(data.train.batches([rows])))
    resized = F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)
    return resized.expand(-1, in_chans, -1, -1).contiguous().numpy()
