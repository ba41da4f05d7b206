"""``nas.stitch``: from two trained networks to a run, and what each option changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import nas
from nas.cli.main import main
from nas.engine.pareto import non_dominated
from nas.errors import NasError
from nas.stitching import anchors as sources
from nas.stitching.anchors import load_anchors
from nas.stitching.pruning import Saving, residual, survivors
from nas.training.job import Job
from nas.training.logs import read
from nas.weights import load_model, save_model
from search_spaces.stitching.least_squares import LayerFit
from search_spaces.stitching.model import StitchedNet
from search_spaces.stitching.routes import Route, Stitch
from tests.nas.stitching import LARGE, PAIR, SMALL, space, train_anchor

QUICK: dict[str, Any] = {"epochs": 1, "lr": 2e-3, "num_images": 200}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Folders of both anchors, trained until they tell digits apart."""
    folder = tmp_path_factory.mktemp("anchors")
    return [str(train_anchor(n, folder, 5)) for n in (0, 1)]


@pytest.fixture(scope="module")
def fitted(weights: list[str], tmp_path_factory: pytest.TempPathFactory) -> nas.Run:
    """Least squares only, both ways."""
    out = tmp_path_factory.mktemp("fitted")
    return nas.stitch(PAIR, anchor_weights=weights, out=out, name="run", two_way=True, epochs=0, num_images=200)


@pytest.fixture(scope="module")
def low_rank(weights: list[str], tmp_path_factory: pytest.TempPathFactory) -> nas.Run:
    """Frozen anchors, pruned routes, updates of rank 3, equal costs."""
    out = tmp_path_factory.mktemp("low-rank")
    more = {"rank": 3, "anchor_lr": 0.0, "prune": True, "sampler": "ros", "two_way": True}
    return nas.stitch(PAIR, anchor_weights=weights, out=out, name="run", **more, **QUICK | {"epochs": 4})


def routes(run: nas.Run) -> pd.DataFrame:
    return pd.read_csv(run.path / "routes.csv", dtype={"id": str})


def checkpoint(run: nas.Run) -> Any:
    return Job.open(run.path / "supernet").load_supernet().eval()


@pytest.mark.slow
def test_least_squares_stitch_what_random_layers_do_not(fitted: nas.Run) -> None:
    initial = fitted.document["stitching"]["initial"]
    random = np.mean(list(initial["random"].values()))
    by_least_squares = np.mean([initial["accuracies"][n] for n in initial["random"]])
    assert by_least_squares > random + 0.2
    assert initial["line"]["accuracy"] > initial["line"]["line"]
    assert all(c < 0 for c in initial["correlations"].values())
    page = (fitted.path / "report.html").read_text()
    assert "Residual and accuracy" in page
    assert "not at all: least squares only" in page
    assert "nas.create_model" in page


def test_an_anchors_route_is_the_anchor(fitted: nas.Run, weights: list[str]) -> None:
    """With least squares only its accuracy is that of the network that was given."""
    accuracies = routes(fitted).set_index("route")["accuracy"]
    for number, folder in enumerate(weights):
        own = json.loads((Path(folder) / "model.json").read_text())["trained"]["accuracy"]["validation"]
        assert accuracies[number] == pytest.approx(own, abs=1e-6)


def test_every_route_is_judged_and_the_front_is_theirs(fitted: nas.Run) -> None:
    table, whole = routes(fitted), space(rule="v2")
    assert len(table) == sum(r.used for r in whole.routes)
    assert table["accuracy"].notna().all()
    costs = np.stack([-table["accuracy"], table["macs"]], axis=1)
    assert set(table["id"][non_dominated(costs)]) == set(fitted.front["id"]) == set(table["id"][table["front"] == 1])
    assert fitted.status == "done"
    module = fitted.build(0)
    assert sum(p.numel() for p in module.parameters()) == fitted.front["params"][0]
    history = fitted.store.history()
    assert history["front_size"].iloc[-1] == len(fitted.front)
    assert 0 < history["hypervolume"].iloc[-1] < 1


def test_a_run_says_how_its_routes_are_judged(fitted: nas.Run) -> None:
    """As a search of a supernet does: these anchors keep no batch statistics."""
    assert fitted.document["supernet"]["calibration"] == {"images": 0, "batch": 64, "seed": 1}


def test_anchors_stand_in_the_report_in_the_place_of_published_networks(fitted: nas.Run) -> None:
    page = (fitted.path / "report.html").read_text()
    assert SMALL.replace("&", "&amp;") in page
    assert "stitching, no budget" not in page


def test_low_rank_updates_are_trained_and_merge(low_rank: nas.Run) -> None:
    net, images = checkpoint(low_rank), torch.randn(4, 1, 8, 8)
    layers = list(net.stitches.values())
    assert all(layer.up.detach().abs().sum() > 0 for layer in layers)
    assert not any(layer.linear.weight.requires_grad for layer in layers)
    for number in low_rank.document["stitching"]["routes"]:
        architecture = net.space.of_route(net.space.routes[number])
        net.activate(architecture)
        plain = net.extract(architecture).eval()
        assert not any("up" in name for name, _ in plain.named_parameters())
        with torch.no_grad():
            assert torch.allclose(net(images), plain(images), atol=1e-5)


def test_frozen_anchors_stay_as_they_were(low_rank: nas.Run, weights: list[str]) -> None:
    given = load_anchors(space(), weights, False, 0).modules
    net = checkpoint(low_rank)
    for number, module in enumerate(given):
        for name, tensor in module.state_dict().items():
            assert torch.equal(net.anchors[str(number)].state_dict()[name], tensor), name
    drawn = {row["subnets"] for row in read(low_rank.path / "supernet")}
    assert drawn
    assert not drawn & set(routes(low_rank)["id"][:2])


def test_a_built_route_is_the_trained_one(low_rank: nas.Run, tmp_path: Path) -> None:
    """``nas.create_model``, ``Run.build``, ``nas build`` and ``nas export`` give what ``activate`` runs."""
    net, images = checkpoint(low_rank), torch.randn(4, 1, 8, 8)
    for index in range(len(low_rank.front)):
        net.activate(net.space.architecture(low_rank.architecture(index).config))
        for model in (nas.create_model(low_rank.path, index), low_rank.build(index)):
            assert not model.training
            with torch.no_grad():
                assert torch.allclose(model(images), net(images), atol=1e-5)
    named, folder = f"{low_rank.path}#{index}", tmp_path / "model"
    assert main(["build", named, "--out", str(folder)]) == 0
    assert main(["export", named, "--format", "state-dict", "--out", str(tmp_path / "model.safetensors")]) == 0
    with torch.no_grad():
        assert torch.allclose(load_model(folder)(images), net(images), atol=1e-5)
    built, exported = load_file(folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(exported[name], tensor) for name, tensor in built.items())


@pytest.mark.slow
def test_pruned_routes_are_neither_trained_nor_judged(tmp_path: Path) -> None:
    """Anchors trained until they differ from their stitches by more than the noise of a judgement."""
    anchors = [str(train_anchor(n, tmp_path, 30)) for n in (0, 1)]
    run = nas.stitch(PAIR, anchor_weights=anchors, out=tmp_path, name="run", two_way=True, prune=True, **QUICK)
    table = routes(run)
    kept = table["kept"] == 1
    assert 2 < kept.sum() < len(table)
    assert (table["accuracy"].notna() == kept).all()
    assert kept[:2].all()
    assert {row["subnets"] for row in read(run.path / "supernet")} <= set(table["id"][kept])
    assert "neither trained nor judged" in (run.path / "report.html").read_text()


def test_a_route_is_beaten_by_one_that_is_no_dearer_and_surely_more_accurate() -> None:
    """With 400 images the standard error at one half is 2.5 points, so of a difference 3.5."""
    paths = {0: (0,), 1: (1,), 2: (0, 1), 3: (0, 1), 4: (1, 0), 5: (0, 1), 6: (0, 1)}
    known = {n: Route("SL", p, (Stitch(0, n, 1, n),) if len(p) > 1 else ()) for n, p in paths.items()}
    found = {0: (1, 0.9), 1: (9, 0.1), 2: (5, 0.5), 3: (6, 0.4), 4: (7, 0.44), 5: (5, 0.55), 6: (8, 0.6)}
    assert survivors(known, found, 400) == [0, 1, 2, 5, 6]
    assert survivors(known, found, 4000) == [0, 1, 5, 6]
    assert survivors(known, found | {4: (4, 0.44)}, 400) == [0, 1, 2, 4, 5, 6]
    saving = Saving.of([known[n] for n in (0, 1, 2, 4, 5, 6)], list(known.values()))
    assert (saving.routes, saving.of_routes, saving.layers, saving.of_layers) == (6, 7, 4, 5)


def test_residuals_of_two_stitches_add_up_as_shares_of_what_is_left() -> None:
    route = Route("SLS", (0, 1, 0), (Stitch(0, 0, 1, 0), Stitch(0, 2, 3, 5)))
    fits = {
        key: LayerFit(key, 1, 1, value, {pair: value})
        for key, pair, value in (((0, 1, 0, 0), (0, 1), 0.2), ((1, 0, 0, 5), (2, 3), 0.5))
    }
    assert residual(route, fits) == pytest.approx(1 - 0.8 * 0.5)
    assert residual(Route("anchor", (0,)), fits) == 0


class Killed(Exception):
    """In the place of a power cut."""


@pytest.mark.slow
def test_a_killed_stitching_ends_as_an_undisturbed_one(weights: list[str], tmp_path: Path) -> None:
    def kill(progress: Any) -> None:
        if progress.step == 7:
            raise Killed

    common = {"anchor_weights": weights, "out": tmp_path, "seed": 3, **QUICK}
    with pytest.raises(Killed):
        nas.stitch(PAIR, name="killed", on_step=kill, **common)
    nas.resume(tmp_path / "killed")
    nas.stitch(PAIR, name="whole", **common)
    for file in ("front.csv", "routes.csv"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_training_starts_where_least_squares_ended(low_rank: nas.Run, fitted: nas.Run) -> None:
    """What low-rank training leaves alone is as least squares made it."""
    trained, expected = checkpoint(low_rank).stitches, checkpoint(fitted).stitches
    assert set(trained) <= set(expected)
    assert all(torch.equal(trained[name].linear.weight, expected[name].linear.weight) for name in trained)


def test_an_extracted_anchor_is_an_anchor_again(fitted: nas.Run, weights: list[str], tmp_path: Path) -> None:
    whole = space(rule="v2")
    file = tmp_path / "route0.json"
    file.write_text(whole.of_route(whole.routes[0]).to_json())
    folder = nas.extract(fitted.path / "supernet", str(file), tmp_path / "small")
    first, second = (load_anchors(space(), [w, weights[1]], False, 0).modules[0] for w in (weights[0], str(folder)))
    assert all(torch.equal(t, second.state_dict()[n]) for n, t in first.state_dict().items())


def test_weights_of_files(weights: list[str], tmp_path: Path) -> None:
    given = load_anchors(space(), weights, False, 0).modules
    torch.save({"model": given[0].state_dict()}, tmp_path / "small.pth")
    again = load_anchors(space(), [str(tmp_path / "small.pth"), weights[1]], False, 0).modules[0]
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in given[0].state_dict().items())


def test_new_classifiers_learn_at_the_full_rate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's are for 1000 classes, the data has 10."""

    def pretrained(name: str, options: dict[str, Any]) -> tuple[Any, int]:
        return sources.create(name, **options), 1000

    monkeypatch.setattr(sources, "_pretrained", pretrained)
    with pytest.raises(NasError, match=r"a new one must be trained: neither --epochs 0 nor --freeze-anchors"):
        nas.stitch(PAIR, out=tmp_path, epochs=0)

    def stop(run: nas.Run) -> None:
        raise Killed

    with pytest.raises(Killed):
        nas.stitch(PAIR, out=tmp_path, name="run", anchor_lr=0.25, on_start=stop, **QUICK)
    net = Job.open(tmp_path / "run" / "supernet").new_supernet()
    assert isinstance(net, StitchedNet)
    scales = {name: net.rate_scale(name) for name, _ in net.named_parameters()}
    assert {scales[n] for n in scales if ".head." in n or n.startswith("stitches.")} == {1.0}
    assert {scales[n] for n in scales if ".blocks." in n} == {0.25}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["{0}"], "2 anchors need as many files of weights, got 1"),
        (["{0}", "nowhere.pth"], "nowhere.pth is no file of weights"),
        (["{0}", "{tmp}"], "is no saved model"),
        (["{0}", "{0}"], f"{LARGE}: "),
        (["{0}", "{other}"], "has num_classes 5, needed here is 10"),
        (["{0}", "{stitched}"], "a stitched route; a folder must hold a whole anchor"),
        (["{file}", "{1}"], f"anchor {SMALL} for 10 classes and images of 8 pixels: "),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused(
    given: list[str], said: str, weights: list[str], tmp_path: Path
) -> None:  # fmt: skip
    other, whole = space(num_classes=5), space()
    made = {
        "other": (other, other.of_route(other.routes[1])), "stitched": (whole, whole.of_route(whole.routes[2]))
    }  # fmt: skip
    for name, (owner, architecture) in made.items():
        save_model(owner.model(architecture), architecture, tmp_path / name)
    torch.save(load_anchors(other, None, True, 0).modules[0].state_dict(), tmp_path / "file.pth")
    places = {name: str(tmp_path / name) for name in made} | {"tmp": str(tmp_path), "file": f"{tmp_path}/file.pth"}
    with pytest.raises(NasError) as caught:
        load_anchors(space(), [g.format(*weights, **places) for g in given], False, 0)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"random_anchors": True, "anchor_weights": ["a", "b"]}, "choose one"),
        ({}, "has options of its own, so there are no pretrained weights"),
        ({"random_anchors": True, "sampler": "uniform"}, "unknown sampler of routes"),
        ({"random_anchors": True, "distillation": "soft-ish"}, "unknown distillation"),
        ({"random_anchors": True, "space_options": {"kernal": 3}}, "did you mean 'kernel'"),
        ({"random_anchors": True, "workers": 0}, "workers must be at least 1"),
        ({"random_anchors": True, "rank": -1}, "rank must be at least 0"),
        ({"random_anchors": True, "anchor_lr": 2.0}, "anchor_lr must be from 0"),
        ({"random_anchors": True, "num_images": 0}, "at least one image"),
        ({"random_anchors": True, "batch": 5000}, "more than the 1295 training images"),
        ({"random_anchors": True, "anchors": f"{LARGE},{SMALL}"}, "from the smaller to the larger"),
        ({"random_anchors": True, "img_size": 4}, "img_size"),
        ({"random_anchors": True, "epochs": -1}, "epochs must be above 0"),
    ],
)  # fmt: skip
def test_bad_input_writes_nothing(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    chosen = {"anchors": PAIR, **options}
    with pytest.raises(NasError) as caught:
        nas.stitch(**chosen, out=tmp_path / "out")
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_extracted_route_runs_in_onnx_runtime(low_rank: nas.Run, tmp_path: Path) -> None:
    from nas.export import TOLERANCE, export

    table = routes(low_rank)
    stitched = table[(table["kept"] == 1) & (table["type"] != "anchor")]["id"].iloc[0]
    whole: Any = low_rank.space
    architecture = next(a for r in whole.routes if (a := whole.of_route(r)).id == stitched)
    (tmp_path / "a.json").write_text(architecture.to_json())
    model = load_model(nas.extract(low_rank.path / "supernet", str(tmp_path / "a.json"), tmp_path / "model"))
    exported = export(model, architecture, "onnx", tmp_path / "model.onnx", dynamic=True)
    assert exported.max_difference is not None
    assert exported.max_difference <= TOLERANCE
