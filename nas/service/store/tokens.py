"""Keys of users: 256 random bits each, of which only the SHA-256 is kept."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import sqlalchemy as sa

from nas.errors import NasError
from nas.service.jobs import SCOPES, Limits, Token
from nas.service.store.database import Database, iso
from nas.service.store.rows import Row, text
from nas.service.store.schema import TOKENS
from search_spaces.errors import unknown_name

PREFIX = "nas_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
RESERVED = ("local", "anonymous")
"""Users that are nobody's token."""


def create(
    database: Database, name: str, scopes: Iterable[str], expires: datetime | None, limits: Limits | None
) -> str:
    """A new token's plaintext, which is nowhere kept. Raises NasError for a name that is taken or unfit."""
    wanted = _checked(name, scopes)
    if expires is not None and expires.tzinfo is None:
        raise NasError("a token's expiry needs a time zone, such as datetime.now(UTC) + timedelta(days=90)")
    plaintext = PREFIX + secrets.token_urlsafe(32)
    with database.write() as write:
        if write.connection.execute(sa.select(TOKENS.c.name).where(TOKENS.c.name == name)).first():
            raise NasError(f"there is a token named {name!r} already: revoke it first, or choose another name")
        row = {
            "name": name, "digest": _digest(plaintext), "scopes": " ".join(wanted), "created": write.time,
            "expires": None if expires is None else iso(expires.astimezone(UTC).timestamp()),
            "limits": text(vars(limits or Limits())),
        }  # fmt: skip
        write.connection.execute(sa.insert(TOKENS), row)
    return plaintext


def find(database: Database, plaintext: str) -> Token | None:
    """The token, if it is known and has not expired."""
    if not plaintext.startswith(PREFIX) or not plaintext.isascii() or len(plaintext) > 100:
        return None
    digest = _digest(plaintext)
    with database.read() as connection:
        row = connection.execute(sa.select(TOKENS).where(TOKENS.c.digest == digest)).first()
        now = iso(database.clock(connection))
    # The look-up is by the digest of 256 random bits: its timing says nothing of use. The comparison costs nothing.
    if row is None or not hmac.compare_digest(row.digest, digest):
        return None
    return None if row.expires is not None and row.expires <= now else _token(row)


def listed(database: Database) -> list[Token]:
    """Every token, oldest first."""
    with database.read() as connection:
        return [_token(row) for row in connection.execute(sa.select(TOKENS).order_by(TOKENS.c.created, TOKENS.c.name))]


def revoke(database: Database, name: str) -> bool:
    """Whether there was such a token."""
    with database.write() as write:
        return write.connection.execute(sa.delete(TOKENS).where(TOKENS.c.name == name)).rowcount == 1


def limits_of(connection: sa.Connection, user: str, defaults: Limits) -> Limits:
    """A user's limits: their token's, and ``defaults`` where it has none."""
    kept = connection.execute(sa.select(TOKENS.c.limits).where(TOKENS.c.name == user)).scalar()
    given = {} if kept is None else {k: v for k, v in json.loads(kept).items() if v is not None}
    return replace(defaults, **given)


def _checked(name: str, scopes: Iterable[str]) -> list[str]:
    if not NAME.fullmatch(name) or name in RESERVED:
        raise NasError(f"token name {name!r:.60}: use letters, digits and ._@- (at most 100), and not {RESERVED[0]!r}")
    wanted = sorted(set(scopes), key=lambda s: SCOPES.index(s) if s in SCOPES else -1)
    for scope in wanted:
        if scope not in SCOPES:
            raise unknown_name("scope", scope[:40], SCOPES)
    if not wanted:
        raise NasError(f"a token needs a scope, of {', '.join(SCOPES)}")
    return wanted


def _digest(plaintext: str) -> str:
    return sha256(plaintext.encode()).hexdigest()


def _token(row: Row) -> Token:
    return Token(row.name, frozenset(row.scopes.split()), row.created, row.expires, Limits(**json.loads(row.limits)))
