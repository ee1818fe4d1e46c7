"""E-mail addresses: which ones can be written to, and which name the same mailbox."""

from __future__ import annotations

import re
import unicodedata

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{}~-]{1,64}@[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)*")


def is_address(text: str) -> bool:
    """Whether `text` is one plain e-mail address; anything else must never be written into a header."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def mailbox(address: str) -> str:
    """The mailbox of an address, however it is written: two posts with one mailbox are one reader."""
    return unicodedata.normalize("NFKC", address).strip().lower()
