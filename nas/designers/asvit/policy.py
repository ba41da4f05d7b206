"""Seed search by policy gradient, as published (Chen et al., ICLR 2022, section 3; reference: ``reinforce.py``).

Twelve independent softmax policies, one per decision; a step samples one seed, judges it on fresh networks and moves
the logits along the gradient of log-probability times advantage. The result is each policy's most probable value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nas.designers.asvit.judge import Judge, Judgement
from nas.designers.asvit.seeds import Over, SeedSearch
from nas.errors import RunFailed
from search_spaces.asvit import AsViT
from search_spaces.counting import Interval
from search_spaces.space import Genomes

Vector = NDArray[np.float64]

LEARNING_RATE, BETAS, EPSILON = 0.08, (0.9, 0.999), 1e-8
MOMENTUM = 0.9
INITIAL_STD = 1e-3
BUFFER = 20
"""Values of a metric over whose range a change is measured."""
WORST = -1.0
"""Reward of a seed that could not be judged: the largest loss that one metric can bring. The released code would
count its NTK of -1 as excellent."""


class Rewards:
    """-change(NTK) + change(LE), each relative to the metric's range over the last 20 steps; 0 for the first."""

    def __init__(self) -> None:
        self._le: deque[float] = deque(maxlen=BUFFER)
        self._ntk: deque[float] = deque(maxlen=BUFFER)

    def __call__(self, judgement: Judgement) -> float:
        """The reward of the next step."""
        if judgement.le is None or judgement.ntk is None:
            return WORST
        return _change(self._le, judgement.le) - _change(self._ntk, judgement.ntk)


def _change(buffer: deque[float], value: float) -> float:
    buffer.append(value)
    if len(buffer) < 2:
        return 0.0
    return (value - buffer[-2]) / (max(buffer) - min(buffer) + 1e-6)


class Baseline:
    """Bias-corrected moving average of the rewards, the present one included."""

    def __init__(self) -> None:
        self._sum, self._steps = 0.0, 0

    def update(self, reward: float) -> float:
        """Take a reward in and return the average."""
        self._sum = MOMENTUM * self._sum + (1 - MOMENTUM) * reward
        self._steps += 1
        return self._sum / (1 - MOMENTUM**self._steps)


class Adam:
    """One step of Adam (Kingma and Ba, 2015) at a time on one vector, in place."""

    def __init__(self, size: int) -> None:
        self._first, self._second, self._steps = np.zeros(size), np.zeros(size), 0

    def step(self, values: Vector, gradient: Vector) -> None:
        """Move against the gradient."""
        self._steps += 1
        self._first += (1 - BETAS[0]) * (gradient - self._first)
        self._second += (1 - BETAS[1]) * (gradient**2 - self._second)
        first, second = self._first / (1 - BETAS[0] ** self._steps), self._second / (1 - BETAS[1] ** self._steps)
        values -= LEARNING_RATE * first / (np.sqrt(second) + EPSILON)


class Policy:
    """The logits of all decisions in one vector."""

    def __init__(self, cardinalities: NDArray[np.int64], rng: np.random.Generator) -> None:
        self._cuts = np.cumsum(cardinalities)[:-1]
        self._logits = INITIAL_STD * rng.standard_normal(int(cardinalities.sum()))
        self._adam = Adam(len(self._logits))

    def probabilities(self) -> list[Vector]:
        """Of each decision's values."""
        return [_softmax(part) for part in np.split(self._logits, self._cuts)]

    def sample(self, rng: np.random.Generator) -> Genomes:
        """One genome, shape (G,)."""
        return np.array([rng.choice(len(p), p=p) for p in self.probabilities()], dtype=np.uint8)

    def most_probable(self) -> Genomes:
        """The mode, shape (G,)."""
        return np.array([int(p.argmax()) for p in self.probabilities()], dtype=np.uint8)

    def probability(self, genome: Genomes) -> float:
        """Of drawing ``genome``."""
        return float(np.prod([p[i] for p, i in zip(self.probabilities(), genome, strict=True)]))

    def learn(self, genome: Genomes, advantage: float) -> None:
        """A step along the gradient of ``advantage * log-probability(genome)``."""
        chosen = [np.eye(len(p))[i] - p for p, i in zip(self.probabilities(), genome, strict=True)]
        self._adam.step(self._logits, -advantage * np.concatenate(chosen))


def _softmax(logits: Vector) -> Vector:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


class PolicySearch:
    """The published search; every step draws its networks anew, so one architecture may be judged several times."""

    def __init__(self, space: AsViT, judge: Judge, budget: Mapping[str, Interval], rng: np.random.Generator) -> None:
        self._space, self._judge, self._budget, self._rng = space, judge, budget, rng

    def run(self, evaluations: int, over: Over) -> SeedSearch:
        """So many steps, or until ``over()``. Raises RunFailed where no seed within the budget was found."""
        policy, rewards, baseline = Policy(self._space.cardinalities, self._rng), Rewards(), Baseline()
        judged: list[Judgement] = []
        while len(judged) < evaluations and not (judged and over()):
            genome = policy.sample(self._rng)
            judgement = self._judge([self._space.decode(genome)], draw=len(judged))[0]
            judged.append(judgement)
            reward = rewards(judgement)
            policy.learn(genome, reward - baseline.update(reward))
        return SeedSearch(self._space.decode(self._within(policy, judged)), tuple(judged))

    def _within(self, policy: Policy, judged: list[Judgement]) -> Genomes:
        """The mode; if that costs more than the budget, the most probable of the judged seeds that do not."""
        known = np.stack([policy.most_probable(), *(self._space.encode(j.architecture) for j in judged)])
        prices = self._space.price(known, tuple(self._budget))
        within = np.all([interval.contains(prices[q]) for q, interval in self._budget.items()], axis=0)
        if within[0]:
            return known[0]  # type: ignore[no-any-return]
        if not within.any():
            raise RunFailed(f"none of {len(judged)} sampled seeds keeps to the budget; use the default protocol")
        return max(known[within], key=policy.probability)  # type: ignore[no-any-return]
