"""Routes of a finished stitching with the weights that its training left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.runs.run import Run
from search_spaces import Architecture

if TYPE_CHECKING:
    from torch import nn


def trained_route(run: Run, architecture: Architecture) -> nn.Module:
    """A route as a plain module in evaluation mode, with the weights that ``nas extract`` would write.

    Where it keeps batch statistics they are re-estimated, for which the data must be there. Raises NasError.
    """
    from nas.stitching.begin import SUPERNET
    from nas.training.job import Job
    from nas.training.judge import Judge
    from nas.training.run import default_device
    from search_spaces.modules.calibration import batch_norms

    job, device = Job.open(run.path / SUPERNET), default_device()
    module: nn.Module = job.load_supernet().extract(job.space.architecture(architecture.config))
    if batch_norms(module):
        Judge(job.load_data(), job.settings.calibration, device).calibrate(module.to(device))
    return module.cpu().eval()
