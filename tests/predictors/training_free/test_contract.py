"""Every proxy of ours honours the contract that plug-ins inherit."""

from predictors.testing import ProxyContract
from predictors.training_free import list_proxies


def test_every_proxy_is_held_to_the_contract() -> None:
    held = {c.proxy for c in globals().values() if isinstance(c, type) and issubclass(c, ProxyContract)}
    assert set(list_proxies()) <= held


for _name in list_proxies():
    globals()[f"TestContract_{_name}"] = type(f"TestContract_{_name}", (ProxyContract,), {"proxy": _name})
