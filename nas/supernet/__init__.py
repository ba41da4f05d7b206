"""Search by trained accuracy: the last level of the cascade, on a supernet of ``nas train --space``.

The operator table prices a first generation, of which a spread of the best and a spread of the whole are evaluated.
Then rounds: Optuna proposes from what was evaluated, a predictor fitted to it picks the candidates that would add most
to the front, those are evaluated. Every evaluation is a subnet with inherited weights and statistics of its own, on
images held out of the training. The result is a run like any other.
"""
