"""The HTTP interface: one module per resource; ``create_app`` puts them together."""

from __future__ import annotations

from nas.service.app.factory import create_app

__all__ = ["create_app"]
