"""Writes docs/dags.md from the docstrings of the DAG files: `python -m green_finance.dag_docs [--check]`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "dags.md"

# In the order in which a quarter passes through them.
ORDER = (
    "remind_departments",
    "daily_review",
    "quarterly_intake",
    "missed_quarters",
    "major_intake",
    "decide_stopped_department",
    "rejudge",
    "deliver",
    "rerun_deliveries",
    "bank_feedback",
    "escalate_stalled",
    "urgent_mails",
    "weekly_summary",
    "reconcile",
    "quarterly_circular",
    "housekeeping",
)

HEAD = """# DAGs

Generated from the docstrings in `dags/` by `python -m green_finance.dag_docs`; the same texts are shown in Airflow.
"""


def render() -> str:
    """The whole document; every DAG file must be named in ORDER."""
    files = {path.stem: path for path in (ROOT / "dags").glob("*.py")}
    if set(files) != set(ORDER):
        raise SystemExit(f"dags/ and ORDER differ: {sorted(set(files) ^ set(ORDER))}")
    docs = (ast.get_docstring(ast.parse(files[name].read_text(encoding="utf-8"))) or "" for name in ORDER)
    return "\n".join([HEAD, *(doc.replace("### ", "## ", 1) + "\n" for doc in docs)])


def main() -> int:
    """Write the document; with --check only compare, and return 1 if it is out of date."""
    fresh = render()
    if "--check" not in sys.argv:
        TARGET.write_text(fresh, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == fresh:
        return 0
    print("docs/dags.md is stale: run `python -m green_finance.dag_docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
