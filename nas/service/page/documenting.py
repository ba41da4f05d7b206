"""Pages that say what the service knows: devices, proxies; and the door."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from nas.service.page import evidence
from nas.service.page.templating import render


def login(request: Request, next: str = "/", failed: int = 0) -> Response:
    """Where a token is typed."""
    return render(request, "login.html", status=401 if failed else 200, next=local(next), failed=bool(failed))


def local(address: str) -> str:
    """``address`` where it is a path of this server, else the front page: nobody is sent elsewhere."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if fine else "/"


def devices(request: Request) -> Response:
    """Device profiles with their evidence."""
    return render(request, "devices.html", devices=evidence.devices(), figures=evidence.FIGURES)


def device(request: Request, name: Annotated[str, Path(max_length=100)]) -> Response:
    """One profile."""
    return render(request, "device.html", device=evidence.device(name), figures=evidence.FIGURES)


def proxies(request: Request) -> Response:
    """Training-free scores and what they are worth."""
    found, baselines = evidence.proxies(), evidence.baselines()
    return render(request, "proxies.html", proxies=found, baselines=baselines, spaces=list(baselines))


def add(routes: APIRouter) -> None:
    """Put them where they are served."""
    routes.add_api_route("/login", login, methods=["GET"])
    routes.add_api_route("/devices", devices, methods=["GET"])
    routes.add_api_route("/devices/{name}", device, methods=["GET"])
    routes.add_api_route("/proxies", proxies, methods=["GET"])
