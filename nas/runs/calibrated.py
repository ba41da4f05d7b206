"""A run that knows trained accuracies: what it predicts for its other architectures.

The accuracies stand in ``run.json`` by architecture id (``nas calibrate`` writes them); everything else is fitted again
from them whenever it is needed, so a report can be rebuilt at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from nas.runs.run import Run
from nas.runs.store import genomes_of
from predictors.accuracy import Calibration, Check, population_table, table_features
from search_spaces import SearchSpace
from search_spaces.operators import FloatArray
from search_spaces.space import Genomes

KEY = "calibration"
"""Field of ``run.json``: ``{"accuracies": {id: accuracy}, "source": file name}``."""
PREDICTED = ("accuracy", "accuracy_low", "accuracy_high")
TRAINED = "accuracy_trained"
COVERAGE = 0.9
DECIMALS = 4


class Calibrated:
    """The calibration of one run. Make one with :meth:`of`."""

    def __init__(self, run: Run, accuracies: Mapping[str, float], source: str) -> None:
        self._run = run
        self._space: SearchSpace = run.space
        self.accuracies = dict(accuracies)
        self.source = source

    @classmethod
    def of(cls, run: Run) -> Calibrated | None:
        """The run's calibration, None where it has none."""
        found = run.document.get(KEY)
        return cls(run, found["accuracies"], found["source"]) if found else None

    @cached_property
    def _genomes(self) -> Genomes:
        """Genomes of the trained architectures, in order of ``accuracies``."""
        by_id = self._run.store.promoted().set_index("architecture").loc[list(self.accuracies)].reset_index()
        return genomes_of(by_id, len(self._space.choices))

    @cached_property
    def _fitted(self) -> Calibration:
        return Calibration.fit(self._features(self._genomes), np.array(list(self.accuracies.values()), dtype=float))

    @cached_property
    def check(self) -> Check:
        """How well the trained ones are predicted by the others; fits, so it raises NasError as a fit does."""
        return self._fitted.check(self._space.price(self._genomes)["params"])

    @property
    def ranks(self) -> bool:
        """Whether unseen networks are ranked better than by chance; if not, nothing is chosen by the predictions."""
        return self.check.tau > 0

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """``frame`` (columns ``id``, ``genome``) with predicted accuracies, their intervals, and the trained ones."""
        if not len(frame):
            return frame.assign(**dict.fromkeys((*PREDICTED, TRAINED), np.nan))
        found = self._fitted.predict(self._features(np.stack(list(frame["genome"]))), COVERAGE)
        columns = zip(PREDICTED, (found.accuracy, found.low, found.high), strict=True)
        predicted = {name: np.round(values, DECIMALS) for name, values in columns}
        return frame.assign(**predicted, **{TRAINED: frame["id"].map(self.accuracies).astype(float)})

    def best(self, genomes: Genomes, keep: int) -> Genomes:
        """The ``keep`` genomes predicted to be most accurate, best first; ties in the order given."""
        if not len(genomes):
            return genomes
        accuracy = np.round(self._fitted.predict(self._features(genomes), COVERAGE).accuracy, DECIMALS)
        return genomes[np.argsort(-accuracy, kind="stable")[:keep]]

    def _features(self, genomes: Genomes) -> FloatArray:
        return table_features(population_table(self._space, genomes))


def describe(check: Check) -> str:
    """The leave-one-out check in a sentence."""
    return (
        f"on {check.networks} trained networks, each predicted from the others: Kendall's tau {check.tau:+.2f} "
        f"(params {check.params_tau:+.2f}), mean error {check.error:.3g} (their mean as prediction: "
        f"{check.constant_error:.3g})"
    )
