"""From a handful of trained accuracies to predicted ones with intervals, for networks of the same space and task.

``Calibration.fit(table_features(table), accuracies)`` needs 10 to 50 trained networks; ``predict(features)`` returns
accuracies with conformal intervals. NumPy only.
"""

from predictors.accuracy.calibration import MINIMUM, Calibration, Check, Prediction
from predictors.accuracy.features import FEATURES, STRONG, population_table, table_features

__all__ = ["FEATURES", "MINIMUM", "STRONG", "Calibration", "Check", "Prediction", "population_table", "table_features"]
