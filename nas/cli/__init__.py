"""The command line, one module per command; ``main`` puts them together. Heavy imports happen inside the commands."""
