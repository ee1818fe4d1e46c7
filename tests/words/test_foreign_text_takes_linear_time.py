"""Text from outside may be of any length: what looks at it takes time in proportion, and a page opens in its usual time."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from include.domain.identifiers import make_uscc
from include.words.shown import is_sole_proprietor, one_line, public, scrubbed, shown

ROOT = Path(__file__).parents[2]
LONG, SHORT = 200_000, 50_000
TOO_SHORT_TO_COMPARE_S = 0.025
MOST_TIMES = 10
"""How much longer four times the text may take: 4, and what else the machine does meanwhile. Taking the square of the
length would be 16 times."""
AT_MOST_S = 2.0
"""Only a stop for what is hopeless: how fast the machine is decides nothing here."""
FILLERS = (
    *'甲a@1（.-: \0\u200b["',
    "a@",
    "甲a@1（",
    "1-",
    "139 0000 1234 ",
    "86",
    "0571-",
    "330106198001011",
    "www.",
    "a.",
    "http://",
    "payload.",
    "payload.a",
    "a[1].",
    "%00",
    '"event_id":"',
    "2026-10-09T",
)
_COMPILED = re.compile(r"^(_?[A-Z][A-Z0-9_]*)(?:: [^=]+)? = re\.compile\(", re.MULTILINE)
_USES: dict[str, Callable[[re.Pattern[Any], Any], object]] = {
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "match": lambda pattern, text: pattern.match(text),
    "search": lambda pattern, text: pattern.search(text),
    "finditer": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
}
_AS = {"sub": "finditer", "findall": "finditer", "split": "finditer"}


def patterns() -> Iterator[tuple[str, str, str]]:
    """(module, name, use) of every pattern that the product compiles, the sandbox and the embedded stack left out."""
    for place, prefix in (("include", "include"), ("plugins/green_finance", "green_finance")):
        for path in sorted((ROOT / place).rglob("*.py")):
            if {"sandbox", "local", "migrations"} & set(path.parts):
                continue
            source = path.read_text()
            module = ".".join((prefix, *path.relative_to(ROOT / place).with_suffix("").parts)).removesuffix(".__init__")
            for name in _COMPILED.findall(source):
                used = set(re.findall(rf"\b{name}\.(fullmatch|match|search|finditer|sub|findall|split)\b", source))
                yield from ((module, name, use) for use in sorted({_AS.get(one, one) for one in used} or {"fullmatch"}))


def seconds(work: Callable[[], object]) -> float:
    """The least of three."""
    found = []
    for _ in range(3):
        begun = process_time()
        work()
        found.append(process_time() - begun)
        if found[-1] > 1:
            break
    return min(found)


def is_linear(work: Callable[[Any], object], of_length: Callable[[int], Any]) -> str:
    """Nothing, or what is wrong."""
    long, short = of_length(LONG), of_length(SHORT)
    took = seconds(lambda: work(long))
    if took > AT_MOST_S:
        return f"{took:.3f} s"
    if took > TOO_SHORT_TO_COMPARE_S and took > MOST_TIMES * seconds(lambda: work(short)):
        return f"four times the text takes more than {MOST_TIMES} times the time"
    return ""


def filled(filler: str, end: str = "") -> Callable[[int], str]:
    return lambda length: (filler * (length // len(filler) + 1))[:length] + end


@pytest.mark.parametrize(("module", "name", "use"), [*patterns()], ids="/".join)
def test_every_pattern_takes_linear_time(module: str, name: str, use: str) -> None:
    pattern = getattr(importlib.import_module(module), name)
    for filler in FILLERS:
        for end in ("", "!"):
            text = filled(filler, end)
            of_length = (
                (lambda length, text=text: text(length).encode()) if isinstance(pattern.pattern, bytes) else text
            )
            slow = is_linear(lambda one: _USES[use](pattern, one), of_length)
            assert not slow, (filler, slow)


COMPANY = make_uscc("91330100", "MA2TE5T0")
MASKING: dict[str, Callable[[str], object]] = {
    "an enterprise's name": lambda text: shown("enterprise.name", text, COMPANY, "mail"),
    "a project's name": lambda text: shown("project.name", text, None, "viewer"),
    "a free text": lambda text: shown("project.content", text, COMPANY, "viewer"),
    "a remark of a sole proprietor": lambda text: shown("remark", text, "92330100", "viewer"),
    "a reason": lambda text: shown("reason", text, COMPANY, "operator"),
    "a list": lambda text: shown("finance.collateral[0]", [text], COMPANY, "operator"),
    "a field": lambda text: shown(text, "x", COMPANY, "operator"),
    "a code": is_sole_proprietor,
    "public": public,
    "scrubbed": scrubbed,
    "scrubbed of secrets": lambda text: scrubbed(text, "张三丰", "13912345678", "a", "甲"),
    "one line": one_line,
}


@pytest.mark.parametrize("name", MASKING)
def test_every_masking_function_takes_linear_time(name: str) -> None:
    for filler in FILLERS:
        slow = is_linear(MASKING[name], filled(filler))
        assert not slow, (filler, slow)


def test_the_words_of_a_receiver_take_linear_time() -> None:
    from green_finance.console.deliveries import in_words
    from include.reference.form import field_name

    for filler in FILLERS:
        assert not is_linear(lambda text: in_words(text, None, "operator"), filled(filler))
        assert not is_linear(field_name, filled(filler))
