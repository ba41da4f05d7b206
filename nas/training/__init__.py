"""Training: supernets by any sampler, single networks, and the judgement of what they inherit.

The core runs with NumPy, torch, timm and scikit-learn only; ``ray_launcher`` is the one module that knows Ray.
"""
