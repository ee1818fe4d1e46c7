"""The audit trail (审计): who did what, when, why. Append-only, and sealed with a key that the database does not hold.

Each entry's hash is an HMAC over the entry and the hash before it; the head (count, hash) leaves the database once a day. So
`verify` finds an edit, a deletion, a reordering, a cut tail, a wiped chain, and a chain that somebody sealed anew without the key.
"""

from include.audit.actions import note_use
from include.audit.chain import (
    GENESIS,
    LEAST_REASON,
    ChainBreak,
    Head,
    accept,
    head,
    key_id,
    record,
    signed,
    verify,
)
from include.audit.configuration import note_configuration
from include.audit.heads import HandedOut, hand_out, handed_out
from include.domain.audited import Action

__all__ = [
    "GENESIS",
    "LEAST_REASON",
    "Action",
    "ChainBreak",
    "HandedOut",
    "Head",
    "accept",
    "hand_out",
    "handed_out",
    "head",
    "key_id",
    "note_configuration",
    "note_use",
    "record",
    "signed",
    "verify",
]
