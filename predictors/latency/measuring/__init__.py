"""Latency measured on the machine at hand: one record, whatever the device and runtime."""

from predictors.latency.measuring.record import Disturbance, Measurement
from predictors.latency.measuring.runtimes import DEVICES, DTYPES, RUNTIMES, Setting, input_size
from predictors.latency.measuring.session import measure

__all__ = ["DEVICES", "DTYPES", "RUNTIMES", "Disturbance", "Measurement", "Setting", "input_size", "measure"]
