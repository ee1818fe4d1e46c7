"""Pages as a reader sees them."""

from __future__ import annotations

import re
from html.parser import HTMLParser


def text_of(html: str) -> str:
    """What a reader sees, in one line."""
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            seen.append(data)

    Reader().feed(html[html.index("<body>") :])
    return re.sub(r"\s+", " ", " ".join(seen))
