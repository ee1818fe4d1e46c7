"""Pieces of foreign listings that could not be used (未能读取): stored whole and encrypted, counted, and shown.

`source` names the listing: needs/2026Q3/330000/recommended, register, coordinators, manifest/2026Q3, feedback,
ledger/2026Q3, institutions; its first part is its kind. A piece is open until a later reading of its source has it
whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from include.base.canonical import storable
from include.base.privacy import PersonalDataCipher
from include.domain.pieces import SetAside
from include.store.sealed import SET_ASIDE

_LONGEST_PROBLEM = 300


def keep(
    connection: sa.Connection,
    cipher: PersonalDataCipher,
    source: str,
    pieces: Iterable[SetAside],
    *,
    now: datetime,
    whole: bool,
) -> None:
    """Store what this reading of `source` could not use; a piece met again is counted, and open again.

    `whole`: the source was read to its end, so that pieces it no longer holds are resolved.
    """
    met = {cipher.keyed_sha256(piece.raw): piece for piece in pieces}
    # In one order, so that two readings at once cannot deadlock.
    rows = [
        {
            "source": source,
            "raw_hash": raw_hash,
            "ciphertext": cipher.encrypt(met[raw_hash].raw, SET_ASIDE.place(source, raw_hash)),
            "size_bytes": len(met[raw_hash].raw),
            "problem": storable(met[raw_hash].problem)[:_LONGEST_PROBLEM],
            "known_as": met[raw_hash].known_as,
            "now": now,
        }
        for raw_hash in sorted(met)
    ]
    if rows:
        connection.execute(_KEEP, rows)
    if whole:
        connection.execute(_RESOLVE_OTHERS, {"source": source, "met": list(met), "now": now})


def resolve(connection: sa.Connection, source: str, known_as: Iterable[str], now: datetime) -> None:
    """Resolve the pieces of `source` with these identifiers: a later reading had them whole."""
    connection.execute(_RESOLVE, {"source": source, "known_as": sorted({*known_as} - {""}), "now": now})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPiece:
    """A piece as the console shows it; `purged`: its bytes were deleted after their retention."""

    set_aside_id: int
    source: str
    problem: str
    known_as: str
    size_bytes: int
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int
    purged: bool


def open_pieces(connection: sa.Connection, *, kind: str = "", limit: int, offset: int = 0) -> Sequence[KeptPiece]:
    """The open pieces, of one kind of listing or of all, the last met first."""
    rows = connection.execute(_OPEN, {"kind": kind, "limit": limit, "offset": offset})
    return [KeptPiece(**row) for row in rows.mappings()]


def open_counts(connection: sa.Connection) -> Mapping[str, int]:
    """How many pieces are open, by kind of listing."""
    return {row.kind: row.number for row in connection.execute(_COUNTS)}


def may_be_seen(connection: sa.Connection, set_aside_id: int) -> bool:
    """Whether this connection's user may see the piece."""
    return connection.execute(_SEEN, {"set_aside_id": set_aside_id}).first() is not None


def raw_piece(connection: sa.Connection, cipher: PersonalDataCipher, set_aside_id: int) -> bytes | None:
    """The bytes of a piece as received; None if there is no such piece or its bytes are purged."""
    piece = connection.execute(_CIPHERTEXT, {"set_aside_id": set_aside_id}).one_or_none()
    if piece is None or not piece.ciphertext:
        return None
    return cipher.decrypt(piece.ciphertext, SET_ASIDE.place(piece.source, piece.raw_hash))


def empty_pieces(connection: sa.Connection, before: datetime) -> int:
    """Delete the bytes of pieces last met before this moment (a piece has no need whose end could start the term);
    returns how many."""
    return connection.execute(_EMPTY, {"before": before}).rowcount


_KEEP = sa.text(
    """
    insert into set_aside as kept (
        source, raw_hash, ciphertext, size_bytes, problem, known_as, first_seen_at, last_seen_at, times_seen
    ) values (:source, :raw_hash, :ciphertext, :size_bytes, :problem, :known_as, :now, :now, 1)
    on conflict (source, raw_hash) do update
    set times_seen = kept.times_seen + 1, last_seen_at = excluded.last_seen_at, resolved_at = null,
        problem = excluded.problem, known_as = excluded.known_as,
        ciphertext = case when kept.ciphertext = '' then excluded.ciphertext else kept.ciphertext end
    """
)
_RESOLVE_OTHERS = sa.text(
    """
    update set_aside set resolved_at = :now
    where source = :source and resolved_at is null and raw_hash <> all(cast(:met as text[]))
    """
)
_RESOLVE = sa.text(
    """
    update set_aside set resolved_at = :now
    where source = :source and resolved_at is null and known_as = any(cast(:known_as as text[]))
    """
)
_OPEN = sa.text(
    """
    select set_aside_id, source, problem, known_as, size_bytes, first_seen_at, last_seen_at, times_seen,
           purged
    from set_aside
    where resolved_at is null and (:kind = '' or split_part(source, '/', 1) = :kind)
    order by last_seen_at desc, set_aside_id desc
    limit :limit offset :offset
    """
)
_SEEN = sa.text("select set_aside_id from set_aside where set_aside_id = :set_aside_id")
_COUNTS = sa.text(
    """
    select split_part(source, '/', 1) as kind, count(*) as number from set_aside
    where resolved_at is null group by 1 order by 1
    """
)
_CIPHERTEXT = sa.text("select source, raw_hash, ciphertext from set_aside where set_aside_id = :set_aside_id")
_EMPTY = sa.text("update set_aside set ciphertext = '' where ciphertext <> '' and last_seen_at < :before")
