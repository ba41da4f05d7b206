"""Data: labelled images, named by one word such as ``digits``, ``FILE.npz``, a folder or ``torchvision:CIFAR10``."""

from nas.training.data.dataset import Data, Facts, Split
from nas.training.data.sources import load_data

__all__ = ["Data", "Facts", "Split", "load_data"]
