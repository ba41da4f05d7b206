"""The page as it is rendered, without a browser: what is said, that it is escaped, and that forms say what is wrong."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from nas.service.app.factory import create_app
from nas.service.page import describing, form
from nas.service.page.assets import plotly_style_ids
from nas.service.page.columns import column
from nas.service.page.documenting import local
from nas.service.page.fields import fields, first
from nas.service.page.fronts import Front, default_axes, spans
from nas.service.requests import KINDS, parse
from nas.service.settings import Settings
from nas.service.store import JobStore
from tests.nas.service import seeded

EVIL = '<script>alert("x")</script>'


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return seeded.open_store(tmp_path)


@pytest.fixture
def site(tmp_path: Path, store: JobStore) -> TestClient:
    app = create_app(Settings(data=tmp_path), store)
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


def text(site: TestClient, path: str, status: int = 200) -> str:
    answer = site.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def data(page: str, name: str) -> Any:
    """The JSON that a page hands to its script."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class TestJobs:
    def test_nothing_yet_says_how_to_begin(self, site: TestClient) -> None:
        page = text(site, "/")
        assert "No jobs yet" in page
        assert "/new?space=elasticvit&amp;budget=600MFLOPs" in page

    def test_every_state_is_a_word(self, site: TestClient, store: JobStore) -> None:
        done, failed = seeded.finished(store), seeded.failed(store)
        job, claim = seeded.running(store)
        store.submit(parse(seeded.SEARCH), "ada")
        page = text(site, "/")
        for word in ("done", "failed", "running", "waiting", "by ada", "no island came back"):
            assert word in page
        assert "exploring, 700 of 2,000, about 21 s left" in page
        assert re.search(r'<progress[^>]* max="1" value="0.3500"', page)
        assert page.index(job.id) < page.index(failed.id) < page.index(done.id)
        store.cancel(job.id)
        assert "stopping" in text(site, "/")
        assert store.cancelled(claim)
        assert "stopping" not in text(site, "/")

    def test_filters_and_older_pages(self, site: TestClient, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nas.service.page.jobs.A_PAGE", 2)
        jobs = [store.submit(parse({**seeded.SEARCH, "seed": n}), "local")[0] for n in range(3)]
        page = text(site, "/?state=queued")
        assert jobs[0].id not in page
        older = html.unescape(re.search(r'href="(/\?[^"]*cursor=[^"]*)"', page)[1])  # type: ignore[index]
        assert "state=queued" in older
        assert jobs[0].id in text(site, older)
        assert "No job is like that" in text(site, "/?kind=design")
        assert "no such" not in text(site, "/?kind=nonsense&state=nonsense")

    def test_what_others_wrote_is_text(self, site: TestClient, store: JobStore) -> None:
        job, claim = seeded.running(store, None, budget=[f"600MFLOPs{EVIL}"])
        store.heartbeat(claim, 60.0, progress={"message": EVIL}, log=[EVIL])
        store.fail(claim, {"title": EVIL, "detail": EVIL})
        for path in ("/", f"/jobs/{job.id}", f"/jobs/{job.id}/status", f"/new?from={job.id}", f"/new?budget={EVIL}"):
            page = text(site, path)
            assert "&lt;script&gt;" in page, path
            assert "<script>alert" not in page, path


class TestJob:
    def test_finished(self, site: TestClient, store: JobStore) -> None:
        job = seeded.finished(store)
        front, found = seeded.front()
        page = text(site, f"/jobs/{job.id}")
        for row, architecture in zip(front["rows"], found, strict=True):
            assert architecture.id in page
            assert f"{row[1] / 1e6:,.1f}" in page
        best = front["recommended"]
        assert f'/v1/runs/{job.id}/architectures/{best}/model.onnx"' in page
        assert f"{len(found)} architectures on the front: MACs from" in page
        assert "nas search --budget 600MFLOPs --candidates 2000" in html.unescape(page)
        assert f"/v1/runs/{job.id}/report" in page
        points, markers = data(page, "points"), data(page, "markers")
        assert points["axes"] == ["macs", "capacity"]
        assert points["values"]["macs"] == [row[1] for row in front["rows"]]
        assert "S1" in " ".join(markers["names"])
        assert len(markers["values"]["macs"]) == len(markers["names"]) == 8

    def test_architecture_is_drawn_and_priced(self, site: TestClient, store: JobStore) -> None:
        job = seeded.finished(store)
        page = text(site, f"/jobs/{job.id}/architectures/1")
        stages = seeded.documents()[1]["stages"]
        assert page.count('class="d-name"') == len(stages)
        assert "pixel6" in page
        assert "nas.create_model" in page
        assert 'rel="prev"' in page
        card = text(site, f"/jobs/{job.id}/architectures/1?part=card")
        assert "<html" not in card
        assert card.count('class="d-name"') == len(stages)
        assert site.get(f"/jobs/{job.id}/architectures/999").status_code == 404
        assert f'data-index="{1}"' in text(site, f"/jobs/{job.id}?chosen=1")

    def test_while_it_runs(self, site: TestClient, store: JobStore) -> None:
        job, claim = seeded.running(store, None)
        page = text(site, f"/jobs/{job.id}")
        assert "The first architectures appear here" in page
        assert site.get(f"/jobs/{job.id}/points").json() is None
        whole, _ = seeded.front()
        store.heartbeat(claim, 60.0, front=seeded.begun(2))
        points = site.get(f"/jobs/{job.id}/points").json()
        assert points["ids"] == [row[0] for row in whole["rows"][:2]]
        assert points["table"].count("<tr data-row") == 2
        assert "come when the job is finished" in text(site, f"/jobs/{job.id}")
        assert "priced 700 architectures" in text(site, f"/jobs/{job.id}/status")

    def test_buttons_without_scripts(self, site: TestClient, store: JobStore) -> None:
        job, _ = store.submit(parse(seeded.SEARCH), "local")
        answer = site.post(f"/jobs/{job.id}/cancel")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job.id}")
        assert store.job(job.id).state == "cancelled"
        assert site.post(f"/jobs/{job.id}/delete").headers["location"] == "/"
        assert site.get(f"/jobs/{job.id}").status_code == 404

    def test_failed(self, site: TestClient, store: JobStore) -> None:
        page = text(site, f"/jobs/{seeded.failed(store).id}")
        assert "The run failed" in page
        assert "may succeed another time" in page


class TestForm:
    @pytest.mark.parametrize("kind", KINDS)
    def test_asks_for_every_field_once(self, site: TestClient, kind: str) -> None:
        page = text(site, f"/new?kind={kind}")
        model = KINDS[kind]
        for name in set(model.model_fields) - {"kind", "grid"}:
            assert page.count(f'data-field="{name}"') == 1, name
            assert re.search(rf'name="{name}"', page), name
        shown, rest = first(kind, fields(kind, model))
        assert {one.name for one in (*shown, *rest)} == set(model.model_fields) - {"kind", "grid"}

    @pytest.mark.parametrize("kind", KINDS)
    def test_filling_in_an_example_asks_for_the_same(self, kind: str) -> None:
        for example in KINDS[kind].model_config["json_schema_extra"]["examples"]:  # type: ignore[index,call-overload]
            request = parse(example)
            assert form.read(form.filled_from(request.document())) == request

    def test_preview_is_the_command_line(self, site: TestClient) -> None:
        sent = {"kind": "search", "space": "elasticvit", "budget": "400..600MFLOPs, 6Mparams", "seed": "3",
                "options": "num_classes=10"}  # fmt: skip
        budget = ["400..600MFLOPs", "6Mparams"]
        request = parse({"kind": "search", "budget": budget, "seed": 3, "options": {"num_classes": 10}})
        said = site.post("/new/preview", data=sent).json()
        assert said == {"command": request.command_line(), "errors": {}, "means": ""}
        assert said["command"].startswith("nas search --budget 400..600MFLOPs --budget 6Mparams --seed 3")

    def test_usual_choices_are_no_choice(self) -> None:
        for goals in ([], ["capacity", "macs"], ["macs", "capacity"]):
            assert form.read({"kind": ["search"], "objectives": goals}).command_line() == "nas search"
        assert form.read({"kind": ["search"], "proxies": ["none"]}).proxies == []  # type: ignore[union-attr]

    def test_wrong_fields_are_named(self, site: TestClient) -> None:
        said = site.post("/new/preview", data={"kind": "search", "candidates": "many", "seed": "-1"}).json()
        assert said["command"] is None
        assert set(said["errors"]) == {"candidates", "seed"}
        assert "integer" in said["errors"]["candidates"]

    def test_an_impossible_budget_is_said_at_the_budget(self, site: TestClient, store: JobStore) -> None:
        sent = {"kind": "search", "space": "elasticvit-small", "budget": "1kFLOPs"}
        error = site.post("/new/preview", data={**sent, "check": "1"}).json()["errors"]
        assert set(error) == {"budget"}
        answer = site.post("/new", data=sent)
        assert answer.status_code == 422
        assert error["budget"] in html.unescape(answer.text)
        assert 'value="1kFLOPs"' in answer.text
        assert not store.jobs().jobs

    def test_an_unknown_name_is_said_at_its_field(self, site: TestClient) -> None:
        sent = {"kind": "search", "space": "elasticvit-smal", "check": "1"}
        assert "did you mean 'elasticvit-small'" in site.post("/new/preview", data=sent).json()["errors"]["space"]
        sent = {"kind": "search", "objectives": "capacit", "check": "1"}
        assert "capacity" in site.post("/new/preview", data=sent).json()["errors"]["objectives"]

    def test_what_a_budget_means(self, site: TestClient) -> None:
        sent = {"kind": "search", "space": "elasticvit-small", "budget": "20MFLOPs", "check": "1"}
        said = site.post("/new/preview", data=sent).json()["means"]
        assert re.search(r"<strong>[\d,.× ⁰¹²³⁴⁵⁶⁷⁸⁹]+</strong> of [\d,.× ⁰¹²³⁴⁵⁶⁷⁸⁹]+ architectures fit", said)
        assert "MACs" in said

    def test_submits_once(self, site: TestClient, store: JobStore) -> None:
        page = text(site, "/new?space=elasticvit-small&budget=20MFLOPs")
        key = re.search(r'name="key" value="([0-9a-f]+)"', page)[1]  # type: ignore[index]
        sent = {"kind": "search", "space": "elasticvit-small", "budget": "20MFLOPs", "key": key}
        first_time, again = site.post("/new", data=sent), site.post("/new", data=sent)
        jobs = store.jobs().jobs
        assert first_time.status_code == again.status_code == 303
        assert [f"/jobs/{job.id}" for job in jobs] == [first_time.headers["location"]] == [again.headers["location"]]
        assert jobs[0].request["budget"] == ["20MFLOPs"]

    def test_other_bodies_are_refused(self, site: TestClient) -> None:
        assert site.post("/new", json={"kind": "search"}).status_code == 415
        many = "&".join(f"a{i}=1" for i in range(500))
        sent = {"content-type": "application/x-www-form-urlencoded"}
        assert site.post("/new/preview", content=many, headers=sent).status_code == 400
        assert site.post("/new/preview", data={"kind": "nonsense"}).json()["errors"] == {"": "choose a kind of job"}


class TestCompare:
    def test_two_runs(self, site: TestClient, store: JobStore) -> None:
        one, other = seeded.finished(store), seeded.finished(store, seed=1)
        page = text(site, f"/compare?runs={one.id},{other.id},{'0' * 32}")
        document = data(page, "comparison")
        assert [front["job"] for front in document["fronts"]] == [one.id, other.id]
        assert "1 of the runs that were asked for is not here" in page
        assert len(document["published"]["names"]) == 8
        stands = [int(n) for n in re.findall(r'<td class="num">(\d+)</td><td class="num">(\d+)</td>', page)[0]]
        assert stands[0] == len(seeded.front(0)[0]["rows"])
        assert 0 < stands[1] <= stands[0]
        assert data(text(site, f"/compare?run={one.id}&run={other.id}"), "comparison") == document

    def test_nothing_to_compare(self, site: TestClient, store: JobStore) -> None:
        assert "No run has a front yet" in text(site, "/compare")
        job = seeded.finished(store)
        assert job.id in text(site, "/compare?runs=../../etc/passwd")


class TestKnowledge:
    def test_devices_show_their_evidence(self, site: TestClient) -> None:
        page = text(site, "/devices")
        assert "pixel6" in page
        assert "99.9 %" in page
        one = text(site, "/devices/pixel6")
        assert "transffn" in one
        assert "held out" in one
        assert site.get("/devices/pixel66").status_code in (404, 422)
        assert site.get("/devices/..%2f..%2fetc%2fpasswd").status_code in (404, 422)

    def test_proxies_by_data_set(self, site: TestClient) -> None:
        page = text(site, "/proxies")
        assert page.index('id="depth_width"') < page.index('id="entropy"')
        assert "c100_kd" in page
        assert "not measured" in page
        assert "better than params" in page

    def test_login(self, site: TestClient) -> None:
        assert 'name="token"' in text(site, "/login?next=/devices")
        assert 'value="/devices"' in text(site, "/login?next=/devices")
        assert "nobody&#39;s token" in text(site, "/login?failed=1", 401)
        for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\n"):
            assert local(elsewhere) == "/"


class TestAssets:
    def test_every_asset_of_a_page_is_there(self, site: TestClient, store: JobStore) -> None:
        job = seeded.finished(store)
        paths = ("/", "/new", "/compare", f"/jobs/{job.id}", f"/jobs/{job.id}/architectures/0")
        pages = [text(site, path) for path in paths]
        named = {html.unescape(a) for page in pages for a in re.findall(r'(?:src|href)="(/static/[^"]+)"', page)}
        assert {"plotly.min.js", "job.js", "page.css", "report.css"} <= {a.split("/")[2].split("?")[0] for a in named}
        for address in named:
            answer = site.get(address)
            assert answer.status_code == 200, address
            assert "immutable" in answer.headers["cache-control"], address
            assert site.get(address, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        for path in Path("nas/service/page/static").glob("*.js"):
            for module in re.findall(r'from "\./([a-z]+\.js)"', path.read_text()):
                assert site.get(f"/static/{module}").status_code == 200

    def test_nothing_else_is_served(self, site: TestClient) -> None:
        for name in ("..%2fpage%2fform.py", "%2e%2e", "form.py", "tokens.css", ""):
            assert site.get(f"/static/{name}").status_code == 404

    def test_no_page_holds_inline_script_or_style(self, site: TestClient, store: JobStore) -> None:
        job = seeded.finished(store)
        for path in ("/", "/new", "/devices", "/devices/pixel6", "/proxies", "/compare", "/login", f"/jobs/{job.id}"):
            page = text(site, path)
            assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", page), path
            assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", page)), path
            assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page), path

    def test_plotly_brings_no_style_of_its_own(self) -> None:
        assert plotly_style_ids(), "the style sheet of Plotly's map library is not recognised any more"


class TestWords:
    def test_columns_take_their_units_from_the_objectives(self) -> None:
        macs = column("macs", [51e6, 600.25e6])
        assert (macs.heading, macs.better) == ("MACs (M)", "min")
        assert (macs.text(600.25e6), macs.full(51e6)) == ("600.2", "51.0 M")
        latency = column("latency@pixel6", [20_000_000])
        assert (latency.heading, latency.full(20_000_000)) == ("Latency on pixel6 (ms)", "20 ms")
        named = column("gain", [1.5], {"name": "gain", "direction": "max", "unit": "x", "label": "Gain", "scale": 0.5})
        assert (named.heading, named.full(1.5)) == ("Gain (x)", "3 x")
        assert macs.text(None) == macs.text(float("nan")) == "–"

    def test_axes_are_a_cost_and_a_gain(self) -> None:
        goals = [{"name": "capacity", "direction": "max"}]
        front = Front({"columns": ["id", "params", "macs", "capacity"], "objectives": goals, "rows": [["a", 1, 2, 3]]})
        assert default_axes(front.columns) == ("params", "capacity")
        assert spans(front).startswith("One architecture on the front: ")
        assert "capacity 3" in spans(front)
        assert spans(Front({"columns": [], "rows": []})) == "Nothing on the front yet."

    @pytest.mark.parametrize("kind", KINDS)
    def test_titles_of_all_kinds(self, store: JobStore, kind: str) -> None:
        for example in KINDS[kind].model_config["json_schema_extra"]["examples"]:  # type: ignore[index,call-overload]
            job, _ = store.submit(parse(example), "local")
            assert 5 < len(describing.title(job)) < 120
            assert "None" not in describing.title(job)
            assert all("None" not in text for _, text in describing.chips(job))
