"""The documents name files, commands and variables that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

import pytest

from include.domain import states
from include.domain.roles import Role
from include.reference import case_limits, reason_codes, rows, rules
from include.words.states import words

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "include/README.md",
    *(str(path) for path in sorted(Path("docs").glob("**/*.md"))),
)
TO_BE_WRITTEN = frozenset(
    {
        "dags/export_ledger.py",
        "include/housekeeping/ledger_export.py",
        "include/letters/templates/ticket_resolved.txt",
        "plugins/green_finance/console/signed.py",
        "plugins/green_finance/console/templates/signed.html",
    }
)
"""What the worked examples of CONTRIBUTING.md add."""

_LINK = re.compile(r"\]\((?!\[)([^)\s]+)\)")
_PATH = re.compile(r"`((?:include|plugins|dags|tests|docs|expectations)/[A-Za-z0-9_./*-]*)`")
_COMMAND = re.compile(r"python -m ((?:include|tests)[A-Za-z_.]*)")
_MACHINE = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users|var)/")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_paths_lead_to_files(name: str, repository: Path) -> None:
    document = repository / name
    text = document.read_text(encoding="utf-8")
    for target in _LINK.findall(text):
        if "://" in target:
            continue
        file, _, heading = unquote(target).partition("#")
        linked = (document.parent / file).resolve() if file else document
        assert linked.exists(), f"{name}: {target}"
        if heading:
            assert heading in set(_headings(linked)), f"{name}: {target}"
    for path in _PATH.findall(text):
        assert path in TO_BE_WRITTEN or list(repository.glob(path.rstrip("/"))), f"{name}: {path}"
    for module in _COMMAND.findall(text):
        path = repository / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{name}: {module}"
    assert not _MACHINE.search(text), name


def test_the_glossary_knows_every_room_role_and_rule_family(repository: Path) -> None:
    glossary = (repository / "docs" / "glossary.md").read_text(encoding="utf-8")
    rooms = (repository / "include" / "README.md").read_text(encoding="utf-8")
    for room in (repository / "include").iterdir():
        # A folder that holds nothing but compiled files is left over from a room that moved.
        if room.is_dir() and room.name != "__pycache__" and {entry.name for entry in room.iterdir()} - {"__pycache__"}:
            assert f"`{room.name}/`" in rooms, room.name
    for role in Role:
        assert f"`Role.{role.name}`" in glossary
    families = {re.split(r"[0-9]", rule_id)[0] for rule_id in rules()}
    assert all(re.search(rf"^\| {family}[0-9]+–", glossary, re.MULTILINE) for family in families), families


def test_the_glossary_knows_every_code_and_its_word(repository: Path) -> None:
    glossary = (repository / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    for name, kind in vars(states).items():
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum:
            (line,) = (line for line in glossary if line.startswith(f"| `{name}` |"))
            # A breach is named by its stall (include/words/stalls.py), a difference by its check (include/reconciliation/checks.py).
            named = {} if kind in (states.BreachKind, states.Difference) else words(kind)
            for code in kind:
                assert f"`{code.value}` {named.get(code, '')}".strip() in line, code


def test_the_handbook_and_the_tables_agree_word_for_word(repository: Path) -> None:
    """Rules B, DQ and G, reason codes and limits; the handbook has no table of the rules E and T."""
    text = (repository / "docs" / "handbook.md").read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in text.splitlines()]
    told = {line[0]: [cell.strip("`") for cell in line[1:]] for line in lines if line[0] in rules() and len(line) >= 7}
    assert set(told) == {rule_id for rule_id in rules() if rule_id[0] not in "ET"}
    for row in rows("rules"):
        columns = ("severity", "field", "condition_en", "message_zh", "how_to_fix_zh", "provenance")
        if row["rule_id"] in told:
            cells = told[row["rule_id"]]
            assert [cells[0], *cells[-5:]] == [row[column] for column in columns], row["rule_id"]
    for code, reason in reason_codes().items():
        assert [code, reason.name, reason.repairable, reason.owner, reason.remedy] in lines, code
    for limit in case_limits():
        counted = f"{limit.limit} {limit.unit}"
        assert any(line[:2] == [f"{limit.from_type} → {limit.to_type}", counted] for line in lines), limit


def test_the_example_environment_names_every_variable_of_compose(repository: Path) -> None:
    compose = (repository / "docker-compose.yaml").read_text(encoding="utf-8")
    example = (repository / ".env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", compose))
    offered = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))
    assert used <= offered, used - offered
    required = set(re.findall(r"\$\{([A-Z_]+):\?", compose))
    assert required <= set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


def _headings(document: Path) -> Iterator[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower()
            yield re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
