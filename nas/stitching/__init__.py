"""Stitching pretrained networks: weights, least squares, pruning, training, and the run that comes of it."""
