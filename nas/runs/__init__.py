"""Runs: a directory with everything a report can be rebuilt from."""
