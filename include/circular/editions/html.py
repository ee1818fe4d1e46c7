"""The edition as one HTML file that needs nothing from outside: its charts stand in it, and it prints well."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.circular.editions.model import Content
from include.circular.editions.printable import printable

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def html(content: Content) -> bytes:
    """The page; the same content gives the same bytes."""
    return _templates.get_template("edition.html").render(d=printable(content)).encode()
