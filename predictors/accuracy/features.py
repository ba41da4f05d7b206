"""What a calibration sees of an architecture: a few figures of its operator table, in logarithms.

The first :data:`STRONG` (depth and width of the residual stream, the two terms of the default score) are believed a
priori to matter; the others are believed to matter less (see ``regression``).
"""

from __future__ import annotations

import numpy as np

from predictors.training_free.aggregate import log_depth, log_width
from search_spaces import SearchSpace
from search_spaces.operators import FloatArray, Kind, OperatorTable, Role, TableBuilder
from search_spaces.space import Genomes

FEATURES = (
    "depth", "width", "fan_in", "params", "macs", "activations", "spread", "attention", "heads",
)  # fmt: skip
STRONG = 2


def table_features(table: OperatorTable) -> FloatArray:
    """One row per architecture of the table and one column per name in :data:`FEATURES`, shape (size, F).

    ``fan_in``: mean 1/2 ln fan-in of the main path's weights; ``spread``: standard deviation of ln params over them;
    ``attention``: ln(1 + attention products' share of the MACs); ``heads``: ln(1 + heads of all layers).
    """
    weighted = np.isin(table["kind"], (Kind.CONV, Kind.LINEAR)) & (table["role"] == Role.MAIN)
    products = table["kind"] == Kind.MATMUL
    row_params = np.log(np.maximum(table["params"], 1).astype(float))
    mean_params = _mean(table, row_params, weighted)
    spread = _mean(table, (row_params - mean_params[table["arch"]]) ** 2, weighted)
    macs = np.maximum(table.macs, 1).astype(float)
    columns = (
        log_depth(table),
        log_width(table),
        _mean(table, table.row_entropy, weighted),
        np.log(np.maximum(table.params, 1)),
        np.log(macs),
        np.log(np.maximum(table.activations, 1)),
        np.sqrt(spread),
        np.log1p(_total(table, table.row_macs.astype(float), products) / macs),
        np.log1p(_total(table, table["groups"].astype(float), products)),
    )
    return np.stack(columns, axis=1).astype(np.float64)


def population_table(space: SearchSpace, genomes: Genomes) -> OperatorTable:
    """One operator table of many genomes, shape (N, G), of a space's grid: far quicker than N tables of one."""
    builder = TableBuilder(len(genomes), [stage.name for stage in space.stages])
    values = space.values(genomes)
    for stage in space.stages:
        builder.enter(stage.name)
        for part in stage.parts:
            part.operators(builder, {gene: values[gene] for gene in part.genes})
    return builder.table()


def _total(table: OperatorTable, values: FloatArray, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FloatArray:
    return np.bincount(table["arch"][rows], values[rows], table.size).astype(np.float64)


def _mean(table: OperatorTable, values: FloatArray, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FloatArray:
    return _total(table, values, rows) / np.maximum(_total(table, np.ones(len(table)), rows), 1)
