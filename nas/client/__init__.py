"""A service from Python: ``nas.Client("http://127.0.0.1:8000").search("elasticvit", "600MFLOPs").wait().front``."""

from nas.client.client import Client
from nas.client.errors import (
    AccessDenied,
    Conflict,
    JobFailed,
    NotFound,
    RequestRefused,
    ServerUnreachable,
    ServiceError,
    TooManyRequests,
    WaitTimeout,
)
from nas.client.events import Event
from nas.client.remote_job import RemoteJob

__all__ = [
    "AccessDenied", "Client", "Conflict", "Event", "JobFailed", "NotFound", "RemoteJob", "RequestRefused",
    "ServerUnreachable", "ServiceError", "TooManyRequests", "WaitTimeout",
]  # fmt: skip
