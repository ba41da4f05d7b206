"""Models learned from the times of whole networks, where nobody timed their operators."""

from __future__ import annotations

from predictors.latency.network.correction import NetworkCorrection
from predictors.latency.network.features import NETWORK_FEATURES, network_features

__all__ = ["NETWORK_FEATURES", "NetworkCorrection", "network_features"]
