"""Values that are sent but never shown (个人信息, 密钥): a traceback may print variables."""

from __future__ import annotations


class Concealed(bytes):
    """Bytes whose representation says only how many they are."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class ConcealedText(str):
    """Text whose representation does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<text>"
