"""What ``score`` promises whatever the proxy: recorded failures, limits, seeds, shared work, workers."""

import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch
from torch import nn

from predictors.testing import random_batch, tiny_cnn, tiny_vit
from predictors.training_free import Batch, Limits, Outcome, get_proxy, list_proxies, score, score_architecture
from predictors.training_free.guard import TimedOut, memory_limit, time_limit
from predictors.training_free.isolation import stable_seed
from predictors.training_free.probe import input_shape
from search_spaces import get_space
from search_spaces.errors import NasError, SpaceError, UnknownName

SMALL = {
    "resolution": 64,
    "stem": {"width": 16, "kernel": [3]},
    "conv_stages": [{"width": 16, "expand": [3], "kernel": [3]}, {"width": 16, "expand": [3], "kernel": [3]}],
    "transformer_stages": [{"width": 48, "mlp_ratio": [2], "v_scale": [2]}] * 4,
}


class Hanging(nn.Module):
    """Never ends, and does not let ``except Exception`` end it."""

    img_size = 16

    def __init__(self, wait: float = 0.0) -> None:
        super().__init__()
        self.wait = wait

    def forward(self, x):
        while True:
            try:
                time.sleep(self.wait)
                x = x + 1
            except Exception:
                pass


class Failing(nn.Module):
    img_size = 16

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def test_unknown_proxy_is_the_callers_mistake():
    with pytest.raises(UnknownName, match="did you mean 'naswot'"):
        score(tiny_vit(), names=("naswott",))


def test_malformed_batches_are_the_callers_mistake():
    with pytest.raises(NasError, match="multiple of 2"):
        Batch(torch.zeros(7, 3, 8, 8))
    with pytest.raises(NasError, match="labels of 4 images"):
        Batch(torch.zeros(4, 3, 8, 8), torch.zeros(3))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_is_recorded(value):
    assert (Outcome.of(value).value, Outcome.of(value).status) == (None, "nan")


def test_values_have_six_digits():
    assert Outcome.of(123456.789).value == 123457.0


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("broken\nnetwork"), "error"), (MemoryError(), "memory"),
     (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 TB"), "memory")],
)  # fmt: skip
def test_what_a_network_raises_is_recorded(error, status):
    outcomes = score(Failing(error), names=("naswot", "zico"))
    assert {o.status for o in outcomes.values()} == {status}
    assert all("\n" not in o.message for o in outcomes.values())


def test_one_failing_proxy_costs_only_itself():
    outcomes = score(nn.Sequential(nn.Flatten(), nn.Linear(48, 5)), names=("az_expressivity", "grad_norm"),
                     input_size=(3, 4, 4))  # fmt: skip
    assert (outcomes["az_expressivity"].status, outcomes["grad_norm"].status) == ("error", "ok")


@pytest.mark.parametrize("wait", [0.0, 0.01])
def test_a_hanging_network_times_out_once_for_all_proxies(wait):
    begin = time.monotonic()
    outcomes = score(Hanging(wait), names=("naswot", "zico", "grad_norm"), limits=Limits(seconds=0.2))
    assert time.monotonic() - begin < 2
    assert {o.status for o in outcomes.values()} == {"timeout"}


def test_time_out_in_a_thread_that_is_not_the_main_one():
    found = []
    worker = threading.Thread(
        target=lambda: found.append(score(Hanging(), names=("naswot",), limits=Limits(seconds=0.2)))
    )
    worker.start()
    worker.join(10)
    assert found[0]["naswot"].status == "timeout"


def test_a_timer_of_somebody_else_survives():
    before = signal.setitimer(signal.ITIMER_REAL, 50)
    try:
        with pytest.raises(TimedOut), time_limit(0.05):
            time.sleep(5)
        assert 40 < signal.getitimer(signal.ITIMER_REAL)[0] < 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_memory_beyond_the_limit_is_recorded_and_the_limit_lifted():
    class Greedy(nn.Module):
        img_size = 16

        def forward(self, x):
            return torch.zeros(2**31)

    outcome = score(Greedy(), names=("naswot",), limits=Limits(memory_bytes=2**30))["naswot"]
    assert outcome.status == "memory"
    with memory_limit(None):
        assert torch.zeros(2**28).numel()


def test_seeds_and_keys_draw_different_batches():
    model = tiny_vit()
    values = {score(model, names=("grad_norm",), seed=s, key=k)["grad_norm"].value for s in (0, 1) for k in "ab"}
    assert len(values) == 4


def test_stable_seed_is_the_same_everywhere():
    assert stable_seed(0, "a", "images") == stable_seed(0, "a", "images") != stable_seed(0, "b", "images")
    assert stable_seed(1) == 3874038210105081456  # sha256("1") begins 6b86b273ff34fce1


def test_proxies_share_forward_and_backward():
    calls = []
    model = tiny_cnn()
    model.register_forward_hook(lambda *_: calls.append(1))
    score(model, random_batch(), ("naswot", "zico", "grad_norm"))
    assert len(calls) == 2  # one per mini-batch


def test_the_network_may_be_half_precision_and_frozen():
    model = tiny_vit().half().requires_grad_(False)
    assert score(model, names=("grad_norm",))["grad_norm"].ok
    assert not any(p.requires_grad for p in model.parameters())


def test_input_shape_is_read_from_the_network():
    assert input_shape(tiny_vit()) == (3, 16, 16)
    with pytest.raises(NasError, match="pass input_size"):
        input_shape(nn.Linear(2, 2))


def test_an_architecture_is_built_under_its_seed_at_its_resolution():
    space = get_space("elasticvit", num_classes=10)
    architecture = space.architecture(SMALL)
    assert input_shape(space.model(architecture)) == (3, 64, 64)
    torch.manual_seed(1)
    first = score_architecture("elasticvit", space.options, architecture.to_json(), ("naswot", "zico"), seed=5)
    torch.manual_seed(2)
    assert score_architecture(space, None, architecture, ("naswot", "zico"), seed=5) == first
    assert all(o.ok for o in first.values())
    assert score_architecture(space, None, architecture, ("zico",), seed=6)["zico"] != first["zico"]


def test_proxies_of_the_table_build_no_network(monkeypatch):
    space = get_space("elasticvit", num_classes=10)
    monkeypatch.setattr(type(space), "model", lambda *_: pytest.fail("built"))
    names = [n for n in list_proxies() if get_proxy(n).cost == "table"]
    found = score_architecture(space, None, space.architecture(SMALL), names)
    assert {"params", "macs", "depth", "width", "entropy", "az_complexity"} <= set(names)
    assert all(o.ok for o in found.values())
    assert found["params"].value == space.price_architecture(space.architecture(SMALL))["params"]


@pytest.mark.parametrize("name", ["le", "curvature"])
def test_length_and_curvature_are_the_same_alone_and_together(name):
    """They share one pass only where both are wanted."""
    for model in (tiny_vit(), tiny_cnn()):
        assert score(model, names=("le", "curvature"))[name] == score(model, names=(name,))[name]


def test_an_architecture_of_another_space_is_refused():
    space = get_space("elasticvit", num_classes=10)
    with pytest.raises(SpaceError, match="options"):
        score_architecture("elasticvit", {"num_classes": 5}, space.architecture(SMALL))


@pytest.mark.slow
def test_a_worker_process_gives_the_same_values():
    space = get_space("elasticvit", num_classes=10)
    call = ("elasticvit", space.options, space.architecture(SMALL).to_json(), ("naswot", "zico"))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(score_architecture, *call).result() == score_architecture(*call)


def test_proxies_and_outcomes_travel_between_processes():
    outcome = score(tiny_vit(), names=("naswot",))["naswot"]
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert get_proxy("naswot").name == "naswot"


def test_threads_of_one_process_take_turns():
    model, found = tiny_vit(), []
    workers = [threading.Thread(target=lambda: found.append(score(model, names=("zico",)))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert found == [score(model, names=("zico",))] * 4


def test_scoring_does_not_import_torchs_compiler():
    """A worker would pay seconds and 160 MB for it. Forward mode does so by itself, so those proxies are left out."""
    code = (
        "import sys; from torch import nn; from predictors.training_free import get_proxy, list_proxies, score;"
        "names = [n for n in list_proxies() if get_proxy(n).cost != 'jacobian'];"
        "score(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.GELU()), names=names, input_size=(3, 2, 2));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
