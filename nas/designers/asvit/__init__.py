"""As-ViT: a ViT scaled up from a seed topology without training (Chen et al., ICLR 2022, sections 3 and 4).

``evolution`` (ours) or ``policy`` (as published) finds a seed by two proxies, LE and the NTK's condition number;
``growth`` makes it deeper and wider step by step. ``judge`` measures and remembers; ``run`` is a scaling as a folder.
"""
