"""Passes over the network that several proxies share; ask for one with ``probe.shared(pass_function)``."""
