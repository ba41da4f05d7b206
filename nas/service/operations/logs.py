"""Logs as one JSON object a line, without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("nas.service")
TOKEN = re.compile(r"nas_[A-Za-z0-9_-]{8,}")
PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"',]+")


def without_secrets(text: str) -> str:
    """``text`` without tokens and without the passwords of URLs."""
    return BEARER.sub(r"\1***", PASSWORD.sub(r"\1:***@", TOKEN.sub("nas_***", text)))


class JsonFormatter(logging.Formatter):
    """Time (UTC), level, logger, message; what ``extra={"facts": {...}}`` adds; a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        document: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        document |= {"message": record.getMessage(), **getattr(record, "facts", {})}
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(document, default=str))


def set_up(level: int = logging.INFO) -> None:
    """Send everything, uvicorn's own lines included, to stderr in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.error").setLevel(level)


def log(message: str, **facts: Any) -> None:
    """One line of information."""
    LOGGER.info(message, extra={"facts": facts})
