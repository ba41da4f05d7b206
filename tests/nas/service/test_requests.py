"""Requests: read strictly, the same as a command line, and refused before they are queued."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from pydantic import ValidationError

from nas.cli.main import app
from nas.errors import NasError
from nas.service.jobs import Result
from nas.service.requests import KINDS, Places, ProfileRequest, SearchRequest, TrainRequest, parse
from nas.service.security.roots import DataRoots
from nas.service.store import JobStore
from tests.nas.service.asked import Asked

EXAMPLES = [e for model in KINDS.values() for e in model.model_config["json_schema_extra"]["examples"]]  # type: ignore[index, union-attr]


@pytest.mark.parametrize("document", EXAMPLES, ids=str)
def test_examples_are_what_they_claim(document: dict[str, Any]) -> None:
    request = parse(document)
    assert request.kind == document["kind"]
    assert {k: v for k, v in request.document().items() if k in document} == document
    assert parse(json.loads(json.dumps(request.document()))) == request


@pytest.mark.parametrize("document", EXAMPLES, ids=str)
def test_the_command_line_says_the_same(document: dict[str, Any]) -> None:
    """nas's own parser reads it, and finds the request's values."""
    words = shlex.split(parse(document).command_line())
    assert words[0] == "nas"
    command: Any = typer.main.get_command(app)
    context: Any = None
    rest = words[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    context = command.make_context("nas", list(rest))
    found = context.params
    for field, value in document.items():
        if field in ("kind", "options") or field not in found:
            continue
        if field in ("anchors", "anchor_weights"):
            value = ",".join(value)
        read = list(found[field]) if isinstance(found[field], tuple) else found[field]
        assert read == value, field
    for option, value in document.get("options", {}).items():
        assert found[option] == value


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"kind": "search", "candidates": "5"}, "candidates"), ({"kind": "search", "candidates": 0}, "candidates"),
        ({"kind": "search", "seed": True}, "seed"), ({"kind": "search", "seed": 1.0}, "seed"),
        ({"kind": "search", "seed": 2**53}, "seed"), ({"kind": "search", "bugdet": []}, "bugdet"),
        ({"kind": "search", "budget": "600MFLOPs"}, "budget"), ({"kind": "search", "budget": ["x"] * 9}, "budget"),
        ({"kind": "search", "space": "a\x00b"}, "space"), ({"kind": "search", "time_s": float("inf")}, "time_s"),
        ({"kind": "search", "options": {"a": [1]}}, "options"), ({"kind": "search", "options": {"A-B": 1}}, "options"),
        ({"kind": "search", "name": "../x"}, "name"), ({"kind": "search", "supernet": "../x"}, "supernet"),
        ({"kind": "design", "convention": "other"}, "convention"), ({"kind": "design", "strides": [3]}, "strides"),
        ({"kind": "scale"}, "budget"), ({"kind": "stitch", "anchors": ["a"]}, "anchors"),
        ({"kind": "stitch", "anchors": ["resnet18", "local-dir:/etc/x"]}, "anchors"),
        ({"kind": "stitch", "anchors": ["resnet18", "hf-hub:who/what"]}, "anchors"),
        ({"kind": "train"}, ""), ({"kind": "train", "space": "x", "architecture": "x:y"}, ""),
        ({"kind": "profile", "out": "x"}, ""), ({"kind": "profile", "out": "x", "peak_macs": 1e9}, ""),
    ],
)  # fmt: skip
def test_anything_else_is_refused(document: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(document)
    assert [str(part) for part in caught.value.errors()[0]["loc"]][:1] == ([field] if field else [])


@pytest.mark.parametrize("text", ["20ms@/etc/passwd.json", "20ms@../x.json", "20ms@x.json", "20ms@a\\b", "20ms@"])
def test_a_device_is_no_file(text: str) -> None:
    for field in ("budget", "objectives"):
        with pytest.raises(ValidationError, match="is no name of a device"):
            SearchRequest(**{field: [text]})  # type: ignore[arg-type]


OWN = {"model": "mynets:make_net"}


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "train", "space": "sorted_net", "options": OWN},
        {"kind": "search", "space": "sorted_net", "options": OWN | {"num_classes": 10}},
        {"kind": "train", "space": "sorted_net", "options": {"model": "os:abort@0123456789ab"}},
        {"kind": "train", "architecture": {"space": "sorted_net", "config": {}, "options": OWN}},
    ],
    ids=str,
)
def test_import_paths_are_refused(document: dict[str, Any]) -> None:
    """Whoever runs the service may have named that path for himself: users of it may not."""
    with pytest.raises(ValidationError, match="a service imports no code of users"):
        parse(document)


def test_unknown_kinds() -> None:
    with pytest.raises(NasError, match="did you mean 'search'"):
        parse({"kind": "serch"})
    with pytest.raises(NasError, match="unknown kind of job"):
        parse({})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "search", "space": "elasticvit-smal"}, "did you mean 'elasticvit-small'"),
        ({"kind": "search", "space": "elasticvit-small", "budget": ["1FLOPs"]}, "the nearest feasible value is"),
        ({"kind": "search", "space": "elasticvit-small", "budget": ["600MFLOP s"]}, "budget"),
        ({"kind": "search", "space": "elasticvit-small", "budget": ["20ms@pixl6"]}, "did you mean 'pixel6'"),
        ({"kind": "search", "space": "elasticvit-small", "proxies": ["nope"]}, "unknown proxy"),
        ({"kind": "search", "space": "elasticvit-small", "objectives": ["inherited_accuracy"]}, "supernet"),
        ({"kind": "search", "space": "elasticvit-small", "options": {"num_clases": 3}}, "num_clases"),
        ({"kind": "design", "budget": ["1MFLOPs"], "family": "resnet_basic"}, "nearest feasible"),
        ({"kind": "design", "budget": ["4GFLOPs"], "sweep": "x"}, "write for example"),
        ({"kind": "design"}, "a design needs a budget"), ({"kind": "scale", "budget": ["1Mparms"]}, "1Mparms"),
        ({"kind": "train", "space": "elasticvit-small", "sampler": "sandwhich"}, "did you mean 'sandwich'"),
        ({"kind": "train", "architecture": "elasticvit:S9"}, "unknown published network"),
        ({"kind": "train", "architecture": "/etc/passwd"}, "names no architecture"),
        ({"kind": "train", "architecture": "results/RUN#0"}, "names no architecture"),
        ({"kind": "train", "architecture": {"space": "elasticvit-small", "config": {}}}, "an architecture must be"),
        ({"kind": "train", "space": "elasticvit-small", "teacher": "/etc/x"}, "write timm:NAME"),
        ({"kind": "train", "space": "elasticvit-small", "clip": "norm:x"}, "clip"),
        ({"kind": "profile", "out": "../x", "device": "cpu"}, "out"),
        ({"kind": "profile", "out": "x", "table": "key\n", "start": "pixl4"}, "did you mean 'pixel4'"),
    ],
)  # fmt: skip
def test_what_no_runner_could_do_is_said_at_once(document: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError, match=message) as caught:
        parse(document).check()
    assert "\n" not in str(caught.value)


def test_what_a_runner_can_do_passes() -> None:
    for document in (
        {"kind": "search", "space": "elasticvit-small", "budget": ["20MFLOPs"]},
        {"kind": "design", "budget": ["1.82GFLOPs"]}, {"kind": "train", "architecture": "elasticvit:S1"},
        {"kind": "scale", "budget": ["1GFLOPs"], "options": {"img_size": 64}},
    ):  # fmt: skip
        parse(document).check()


def test_demands() -> None:
    assert vars(SearchRequest(candidates=5, time_s=7.0).demand()) == {"candidates": 5, "seconds": 7.0}
    sweep = parse({"kind": "design", "budget": ["4GFLOPs"], "sweep": "params=5M..30M:3", "time_s": 10.0})
    assert sweep.demand().seconds == 30
    assert ProfileRequest(out="x", device="cpu", minutes=2.0).demand().seconds == 120


class TestPlaces:
    @pytest.fixture
    def places(self, tmp_path: Path) -> Places:
        root = tmp_path / "data"
        (root / "flowers").mkdir(parents=True)
        (root / "a.npz").touch()
        (root / "out").symlink_to(tmp_path)
        return Places(DataRoots({"set": root}), tmp_path / "runs", JobStore.open(f"sqlite:///{tmp_path}/jobs.sqlite"))

    def test_data_below_a_root(self, places: Places, tmp_path: Path) -> None:
        assert places.data("digits") == "digits"
        assert places.data("set/a.npz") == str(tmp_path / "data" / "a.npz")
        assert places.data("set/flowers") == str(tmp_path / "data" / "flowers")
        assert places.data("webdataset:set/x-{0..9}.tar") == f"webdataset:{tmp_path / 'data'}/x-{{0..9}}.tar"

    @pytest.mark.parametrize(
        "source",
        ["/etc/passwd", "set/../../etc", "other/x", "set/out/jobs.sqlite", "set/missing", "hf:x", "torchvision:X@/",
         "webdataset:/etc/x.tar", "webdataset:set/a.tar,/etc/b.tar", "~/x", ""],
    )  # fmt: skip
    def test_nothing_else(self, places: Places, tmp_path: Path, source: str) -> None:
        with pytest.raises(NasError) as caught:
            places.data(source)
        assert str(tmp_path) not in str(caught.value)

    def test_paths_are_told(self) -> None:
        request = parse({
            "kind": "stitch", "anchors": ["resnet18", "resnet50"], "data": "webdataset:set/a.tar,set/b.tar",
            "anchor_weights": ["set/x.pth", "0" * 32],
        })  # fmt: skip
        assert request.paths() == ("set/a.tar", "set/b.tar", "set/x.pth")
        assert parse({"kind": "train", "space": "x"}).paths() == ()

    def test_what_builds_on_another_job(self, places: Places) -> None:
        assert places.store is not None
        other, _ = places.store.submit(Asked(kind="search"), "ada")
        request = SearchRequest(supernet=other.id)
        with pytest.raises(NasError, match="is a search, and a train is needed"):
            request.check(places)
        train, _ = places.store.submit(Asked(kind="train"), "ada")
        with pytest.raises(NasError, match="is queued; wait until it is done"):
            SearchRequest(supernet=train.id).check(places)
        with pytest.raises(NasError, match="no job"):
            TrainRequest(architecture="0" * 32).check(places)

    def test_an_architecture_of_a_jobs_front(self, places: Places) -> None:
        from search_spaces import get_space

        assert places.store is not None
        space = get_space("elasticvit-small")
        known = [space.decode(genome) for genome in space.sample(2, np.random.default_rng(0))]
        job, _ = places.store.submit(Asked(), "ada")
        claim = places.store.claim("r", 30)
        assert claim is not None
        documents = [{"space": a.space, "options": a.options, "config": a.config} for a in known]
        places.store.finish(claim, Result({}, {"recommended": 1, "rows": []}, documents))
        assert TrainRequest(architecture=job.id).network(places) == known[1]
        assert TrainRequest(architecture=job.id, index=0).network(places) == known[0]
