"""No file of the host is reached through a request, none is unpickled, and no answer names a folder."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.errors import NasError
from nas.service.app.exporting import write
from nas.service.jobs import Result
from nas.service.security.hiding import hide, hide_in
from nas.service.security.roots import DataRoots
from tests.nas.service import seeded
from tests.nas.service.serving import SEARCH, Served, served

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def roots(tmp_path: Path) -> DataRoots:
    """One root with a file, a folder, and links in and out of it; a secret beside it."""
    root = tmp_path / "srv" / "data"
    (root / "train").mkdir(parents=True)
    (root / "a.csv").write_text("x")
    (tmp_path / "secret").write_text("x")
    (root / "inside").symlink_to(root / "a.csv")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    return DataRoots.of([f"imagenet={root}"])


def test_what_lies_in_a_root(roots: DataRoots) -> None:
    """Is found, itself and by links that stay inside, whether or not it is there."""
    root = roots.folders["imagenet"]
    names = {"imagenet/a.csv": "a.csv", "imagenet/train": "train", "imagenet": ".", "imagenet/inside": "a.csv",
             "imagenet/none": "none", "imagenet//train/.": "train"}  # fmt: skip
    for name, found in names.items():
        assert roots.resolve(name) == root / found


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../secret",
        "imagenet/../../secret",
        "imagenet/out",
        "imagenet/up/secret",
        "imagenet/loop/x",
        "other/a.csv",
        "",
        ".",
        "~/x",
        "imagenet/a\0b",
        "imagenet\\..\\secret",
        "C:\\x",
        "imagenet/" + "x" * 600,
        "imagenet/" + "x" * 300,
        "file:///etc/passwd",
        "imagenet/train/..",
        "//etc/passwd",
    ],
)
def test_what_does_not(roots: DataRoots, name: str) -> None:
    """Is refused, in words that name no folder."""
    with pytest.raises(NasError) as error:
        roots.resolve(name)
    assert str(roots.folders["imagenet"].parent) not in str(error.value)


@QUICK
@given(
    st.lists(st.sampled_from(["imagenet", "..", ".", "out", "up", "secret", "train", "", "/", "\0", "~"]), max_size=6)
)
def test_nothing_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    """Whatever parts are put together."""
    root = tmp_path_factory.getbasetemp() / "root"
    (root / "train").mkdir(parents=True, exist_ok=True)
    if not (root / "up").is_symlink():
        (root / "up").symlink_to(root.parent)
    try:
        found = DataRoots({"imagenet": root}).resolve("/".join(parts))
    except NasError:
        return
    assert found == root.resolve() or root.resolve() in found.parents


def test_roots_of_the_command_line(tmp_path: Path) -> None:
    """Named, or called by their last part; a folder that is none, or a name twice, is said at once."""
    (tmp_path / "cifar").mkdir()
    assert DataRoots.of([str(tmp_path / "cifar")]).folders == {"cifar": tmp_path / "cifar"}
    for wrong in ([f"x={tmp_path / 'none'}"], [f"a b={tmp_path}"], [f"x={tmp_path}", f"x={tmp_path / 'cifar'}"]):
        with pytest.raises(NasError, match="--data-root"):
            DataRoots.of(wrong)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One with a data root, and a finished job."""
    folder = tmp_path_factory.mktemp("paths")
    (folder / "data").mkdir()
    (folder / "data" / "out").symlink_to("/etc")
    made = served(folder, data_roots={"data": folder / "data"})
    seeded.finished(made.store)
    return made


TRAIN = {"space": "elasticvit-small", "epochs": 1}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    *[
        ("trainings", {**TRAIN, "data": d})
        for d in (
            "/etc",
            "data/out",
            "data/../..",
            "data/none",
            "webdataset:/etc/x.tar",
            "webdataset:data/out/x.tar",
            "webdataset:data/a,/etc/b",
        )
    ],
    *[("searches", {**SEARCH, "budget": [b]}) for b in ("20ms@/etc/passwd.json", "20ms@../x.json", "20ms@x.json")],
    ("searches", {**SEARCH, "objectives": ["latency@/etc/x.json", "capacity"]}),
    ("trainings", {"data": "digits", "architecture": "/etc/passwd", "epochs": 1}),
    ("trainings", {"data": "digits", "architecture": "results/example#0", "epochs": 1}),
    ("searches", {**SEARCH, "space": "../x"}),
    ("searches", {**SEARCH, "options": {"model": "/etc/passwd"}}),
    ("profiles", {"out": "../../x", "peak_macs": 1e12, "bandwidth": 1e10}),
    ("price", {"arch": "/etc/passwd"}),
    ("price", {"arch": "results/example#0"}),
    ("price", {"arch": "elasticvit:../x"}),
    ("price", {"arch": "nas/../x.json"}),
    ("price", {"architecture": {"space": "os", "config": {}, "options": {}}}),
    ("price", {"architecture": {"space": "stitching", "config": {}, "options": {"anchors": "/etc/passwd"}}}),
    ("price", {"architecture": {"space": "elasticvit", "config": {}, "options": {"num_classes": "/etc"}}}),
]


@pytest.mark.parametrize(("collection", "request_"), REQUESTS, ids=[f"{c}-{i}" for i, (c, _) in enumerate(REQUESTS)])
def test_requests_that_name_files(server: Served, collection: str, request_: dict[str, Any]) -> None:
    """Are refused before anything is queued, and nothing is said of what is there."""
    before = len(server.store.jobs().jobs)
    answer = server.http.post(f"/v1/{collection}", json=request_)
    assert answer.status_code == 422, answer.text
    assert "root:" not in answer.text
    assert str(server.settings.data) not in answer.text
    assert len(server.store.jobs().jobs) == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs/../../etc/passwd/report",
        "/v1/runs/..%2f..%2f..%2fetc/report",
        "/v1/runs/%2e%2e/report",
        "/v1/runs/x/report",
        "/v1/jobs/..%2fjobs.sqlite",
        "/v1/devices/..%2f..%2fx.json",
        "/v1/devices/%2fetc%2fpasswd",
        "/v1/spaces/..%2fx",
        "/static/..%2f..%2f__init__.py",
        "/static/%2e%2e/%2e%2e/errors.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/v1/runs/{id}/architectures/..%2f..%2frun.json/model.json",
        "/v1/runs/{id}/architectures/0/..%2f..%2fjobs.sqlite",
    ],
)
def test_addresses_that_name_files(server: Served, path: str) -> None:
    """Find nothing."""
    answer = server.http.get(path.replace("{id}", server.store.jobs(state="done").jobs[0].id))
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text


def test_a_report_that_is_a_link(server: Served) -> None:
    """Or a folder that is one: not followed out of the runs."""
    job, folder = server.store.jobs(state="done").jobs[0].id, server.settings.runs
    (folder / job).mkdir(exist_ok=True)
    (folder / job / "report.html").symlink_to("/etc/passwd")
    assert server.http.get(f"/v1/runs/{job}/report").status_code == 404
    (folder / job / "report.html").unlink()


@pytest.mark.parametrize("weights", ["../../jobs.sqlite", "/etc/passwd", "link.safetensors"])
def test_weights_outside_of_the_run(server: Served, weights: str) -> None:
    """Even what a runner wrote is not trusted with a path."""
    job, claim = seeded.running(server.store, None)
    whole, _ = seeded.front()
    assert server.store.finish(claim, Result({}, whole, [seeded.documents()[0] | {"weights": weights}]))
    folder = server.settings.runs / job.id
    folder.mkdir()
    (folder / "link.safetensors").symlink_to("/etc/passwd")
    for name in ("weights.safetensors", "model.onnx"):
        answer = server.http.get(f"/v1/runs/{job.id}/architectures/0/{name}")
        assert (answer.status_code, "root:" in answer.text) == (422, False)


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.bin", "model.safetensors"])
def test_nothing_is_unpickled(tmp_path: Path, name: str) -> None:
    """A checkpoint that is code is refused, by whichever suffix, and not run."""
    made, weights = tmp_path / "made", tmp_path / name
    weights.write_bytes(pickle.dumps({"state_dict": Evil(made)}))
    architecture = json.loads(seeded.space().published["T1"].to_json())
    order = {
        "architecture": architecture,
        "format": "state-dict",
        "weights": str(weights),
        "out": str(tmp_path / "out"),
    }
    with pytest.raises(NasError, match="cannot be read as weights"):
        write(order)
    assert not made.exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot read /srv/data/x.csv: gone", "cannot read …/x.csv: gone"),
        ("'/home/ada/run'", "'…/run'"),
        ("at /root/.cache/", "at …/"),
        ("no /v1/jobs/1 nor /static/a/b", "no /v1/jobs/1 nor /static/a/b"),
        ("https://host/a/b and 3/4 of a/b", "https://host/a/b and 3/4 of a/b"),
        ("C:\\Users\\ada\\x.csv", "…/x.csv"),
        ('File "/work/x/y.py", line 3', 'File "…/y.py", line 3'),
        ("(/a/b,/c/d)", "(…/b,…/d)"),
        ("x=/etc/passwd", "x=…/passwd"),
    ],
)
def test_hiding(text: str, shown: str) -> None:
    """Folders go, names stay; what is no path of the host stays whole."""
    assert hide(text) == shown
    assert hide_in({"a": [text, 1, None]}) == {"a": [shown, 1, None]}


@QUICK
@given(st.lists(st.text("abcXYZ019._-", min_size=1, max_size=8), min_size=2, max_size=6))
def test_no_path_is_left(parts: list[str]) -> None:
    """Whatever its parts are called."""
    if parts[0] in ("v1", "static"):
        parts[0] = "srv"
    text = hide(f"run '/{'/'.join(parts)}' failed")
    assert text == f"run '…/{parts[-1]}' failed"


def test_no_answer_names_a_folder(server: Served) -> None:
    """Every GET of the document, of a job whose runner was careless."""
    job, claim = seeded.running(server.store, 3)
    said = f"{server.settings.runs}/{job.id} exists"
    server.store.heartbeat(claim, 60.0, progress={"phase": "x", "message": said}, log=[said])
    server.store.fail(claim, {"title": "failed", "detail": said, "retry": False})
    for path, operations in server.app.openapi()["paths"].items():
        if "get" in operations and not path.endswith("/v1/events"):
            concrete = path.replace("{id}", job.id).replace("{index}", "0").replace("{name}", "pixel6")
            answer = server.http.get(concrete)
            assert str(server.settings.data) not in answer.text, path
            assert str(Path(__file__).parents[3]) not in answer.text, path
