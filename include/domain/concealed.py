"""Values that are sent and never shown: they may stand among the variables of a traceback (个人信息, 密钥)."""

from __future__ import annotations


class Concealed(bytes):
    """Bytes of which only their number is shown."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class ConcealedText(str):
    """Text that is not shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<text>"
