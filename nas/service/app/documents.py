"""What answers look like, for the OpenAPI document. The answers themselves are written straight from the store."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nas.service.jobs import State

JOB_ID = "0199c5a2f0c07d3e8a41b6e0c5d2f713"
Kind = Literal["search", "design", "scale", "stitch", "train", "profile"]
JOB: dict[str, Any] = {
    "id": JOB_ID, "kind": "search", "user": "ada", "priority": 0, "state": "running", "attempt": 1,
    "request": {"kind": "search", "space": "elasticvit", "budget": ["600MFLOPs"]},
    "created": "2026-11-20T22:00:00.000+00:00", "updated": "2026-11-20T22:00:09.120+00:00", "version": 1812,
    "started": "2026-11-20T22:00:01.030+00:00", "finished": None, "cancelling": False, "front_version": 1811,
    "progress": {"phase": "exploring", "done": 20480, "total": 100000, "eta_s": 12.5}, "problem": None, "summary": {},
}  # fmt: skip


class ProblemBody(BaseModel):
    """What went wrong (RFC 9457). `detail` is the line that the CLI would print."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = None


class FieldError(BaseModel):
    """A field of a request, and what is wrong with it."""

    field: str
    message: str


class JobBody(BaseModel):
    """A job. Times are UTC, ISO 8601; `version` grows with every change of any job."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOB]})
    id: str = Field(pattern="^[0-9a-f]{32}$")
    kind: str
    request: dict[str, Any]
    user: str
    priority: int
    state: State
    attempt: int
    created: str
    updated: str
    version: int
    started: str | None
    finished: str | None
    cancelling: bool
    progress: dict[str, Any] = Field(description="`phase`, and where known `done`, `total`, `eta_s`, `message`.")
    problem: dict[str, Any] | None
    summary: dict[str, Any]
    front_version: int | None = Field(description="Version of its latest front; null while it has none.")


class JobPage(BaseModel):
    """Jobs, newest first. `next_cursor` asks for those after them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"jobs": [JOB], "next_cursor": None}]})
    jobs: list[JobBody]
    next_cursor: str | None


class LogLine(BaseModel):
    """One line of a job's log."""

    n: int
    time: str
    line: str


class LogBody(BaseModel):
    """Lines of a job's log. Ask again with `after` = `last`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"lines": [{"n": 1, "time": JOB["started"], "line": "exploring"}], "last": 1}]}
    )
    lines: list[LogLine]
    last: int


class FrontBody(BaseModel):
    """A Pareto front: one row per architecture, in the order of `columns`; values in base units (MACs, bytes)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "columns": ["id", "macs", "params"], "rows": [["3f1c0a9b2d4e", 594021376, 9512304]],
                    "objectives": [{"name": "macs", "direction": "min", "unit": "M"}],
                    "recommended": 0, "final": True,
                }
            ]
        }
    )  # fmt: skip
    columns: list[str]
    objectives: list[dict[str, Any]]
    rows: list[Any]
    recommended: int | None = None
    final: bool


class ArchitectureBody(BaseModel):
    """An architecture of a front: what it is, what it costs, how to have it."""

    model_config = ConfigDict(extra="allow")
    id: str
    index: int
    space: str
    config: dict[str, Any]
    price: dict[str, Any] = Field(description="`macs`, `params`, `activations` (elements), `memory` (bytes), ...")
    stages: list[Any]
    latency: Any = Field(description="On each device that is known, with its interval.")
    code: str | None = Field(description="Python that builds it.")
    downloads: dict[str, str] = Field(description="Paths by file name.")


class SpaceLine(BaseModel):
    """A search space. `size` and `published` are null where they depend on models that the user names."""

    name: str
    title: str
    size: str | None = Field(description="Architectures; a whole number as text, it may have twenty digits.")
    published: int | None


class SpaceBody(BaseModel):
    """A search space with its choices, exact bounds, and published networks with their prices."""

    model_config = ConfigDict(extra="allow")
    name: str
    title: str


class DeviceBody(BaseModel):
    """A device profile and its evidence: how well it predicted measurements that it had not seen."""

    model_config = ConfigDict(extra="allow")
    name: str
    title: str
    source: str
    evidence: dict[str, Any]


class ProxyBody(BaseModel):
    """A training-free score and its evidence: how well it ranked networks whose accuracy is known."""

    model_config = ConfigDict(extra="allow")
    name: str
    summary: str
    evidence: list[dict[str, Any]]


class PriceBody(BaseModel):
    """What an architecture costs, in all and by stage."""

    model_config = ConfigDict(extra="allow")
    id: str
    space: str
    macs: int
    params: int
    activations: int
    memory: int
    stages: list[Any]


class Health(BaseModel):
    """Whether the server lives, or is ready."""

    status: str


ProblemBody.model_rebuild()
