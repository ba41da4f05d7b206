"""What changes something: submitting, cancelling, deleting. The interface and the page both come here.

Each checks whether the user may, and leaves a line in the audit, whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request

from nas.errors import NasError
from nas.service.app.state import Service, require, service_of
from nas.service.jobs import Job
from nas.service.operations.logs import log
from nas.service.problems import kind_of
from nas.service.requests import Places
from nas.service.requests import Request as Wanted
from nas.service.security.principal import Principal
from nas.service.store import JobNotFound


def submit(request: Request, wanted: Wanted, *, key: str | None = None, priority: int = 0) -> tuple[Job, bool]:
    """(the job, whether it is new). Raises NasError for what the CLI would refuse too, HTTPException."""
    service, user = service_of(request), require(request, "submit")
    with _audited(service, user, "submit", wanted.kind) as target:
        if priority > 0:
            require(request, "admin")
        for path in wanted.paths():
            service.roots.resolve(path)
        try:
            wanted.check(places(service))
        except JobNotFound as error:  # one that the request builds on: a wrong request, not a wrong address
            raise NasError(str(error)) from None
        job, created = service.store.submit(wanted, user.name, priority=priority, key=key)
        target[0] = job.id
    return job, created


def places(service: Service) -> Places:
    """Where what a request names is to be found."""
    return Places(roots=service.roots, runs=service.settings.runs, store=service.store)


def cancel(request: Request, job: str) -> Job:
    """Stop a job, one's own or as an admin anybody's. Raises JobNotFound, HTTPException."""
    service, user = service_of(request), require(request, "submit")
    with _audited(service, user, "cancel", job):
        _own(service, user, job)
        return service.store.cancel(job)


def delete(request: Request, job: str) -> None:
    """Forget a job that has ended, one's own or as an admin anybody's. Raises JobNotFound, JobActive, HTTPException."""
    service, user = service_of(request), require(request, "submit")
    with _audited(service, user, "delete", job):
        _own(service, user, job)
        service.store.delete(job)


def note(service: Service, user: str, action: str, target: str, outcome: str) -> None:
    """A line in the audit and in the log."""
    log("audit", user=user, action=action, target=target, outcome=outcome)
    service.store.audit(user, action, target, outcome)


@contextmanager
def _audited(service: Service, user: Principal, action: str, target: str) -> Iterator[list[str]]:
    """Note what comes of it; the list's one entry may be made more precise."""
    named, outcome = [target], "done"
    try:
        yield named
    except HTTPException as error:
        outcome = f"refused: {error.status_code}"
        raise
    except NasError as error:
        outcome = f"refused: {kind_of(error).rpartition(':')[2]}"
        raise
    except BaseException:
        outcome = "failed"
        raise
    finally:
        note(service, user.name, action, named[0], outcome)


def _own(service: Service, user: Principal, job: str) -> None:
    owner = service.store.job(job).user
    if owner != user.name and not user.may("admin"):
        raise HTTPException(403, f"this job is {owner}'s: only they, or an admin, may do that")
