"""Why limits conflict: how far each quantity can go while another keeps to its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search_spaces.counting import Interval

if TYPE_CHECKING:
    from search_spaces.space import SearchSpace

BINS = 1024


def reach(space: SearchSpace, quantity: str, given: str, interval: Interval) -> tuple[float, float]:
    """About the smallest and largest ``quantity`` of the architectures whose ``given`` lies in ``interval``.

    Both are additive. ``given`` is rounded to 1/1000 of its range per stage, so the answer is to some per mille.
    """
    low, high = space.bounds(given)
    floor = [int(s.additive[given].min()) for s in space.prices.stages]
    width = max((high - sum(floor)) / (BINS - len(floor) - 1), 1.0)
    values = sum(floor) + np.arange(BINS) * width
    inside = (values >= max(interval.low, low)) & (values <= min(interval.high, high))
    ends = []
    for sign in (1.0, -1.0):
        message = np.full((1, BINS), np.inf)
        message[0, 0] = 0.0
        for index, step in enumerate(space.steps):
            additive = space.prices.stages[index].additive
            shift = np.rint((additive[given][step.entry] - floor[index]) / width).astype(np.int64)
            following = np.full((step.states, BINS), np.inf)
            cost = sign * additive[quantity][step.entry].astype(float)
            rows = zip(step.before.tolist(), step.after.tolist(), shift.tolist(), cost.tolist(), strict=True)
            for before, after, offset, own in rows:
                target = following[after, offset:]
                np.minimum(target, message[before, : BINS - offset] + own, out=target)
            message = following
        ends.append(sign * float(message[:, inside].min(initial=np.inf)))
    return ends[0], ends[1]
