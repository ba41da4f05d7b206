"""The contract that every search space keeps, as tests to inherit.

In a test module of your own::

    from search_spaces.testing import SpaceContract


    class TestMySpace(SpaceContract):
        def make_space(self, **options):
            return MySpace(**options)

pytest then collects some forty tests. Class attributes set how many examples are drawn and which options the space
has. Everything is drawn from a fixed seed, so a failure repeats; its message holds the architecture's JSON.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(*(f"search_spaces.testing.{part}" for part in ("codec", "hostile", "prices", "modules")))

from search_spaces.testing.codec import CodecContract  # noqa: E402
from search_spaces.testing.hostile import HostileContract  # noqa: E402
from search_spaces.testing.modules import ModuleContract, randomise  # noqa: E402
from search_spaces.testing.prices import PriceContract  # noqa: E402

__all__ = ["SpaceContract", "randomise"]


class SpaceContract(CodecContract, HostileContract, PriceContract, ModuleContract):
    """Subclass it, define ``make_space``, and set the attributes of ``ContractBase`` where they do not suit."""
