"""Contents of digests for tests that look at their words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from include.domain.states import Authority, Level
from include.letters.digest_contents import DigestContents, Line, Obstruction

TODAY = date(2026, 12, 8)
JIANGSU = (Authority.MIIT, Level.PROVINCE, "320000")
NATION = (Authority.MIIT, Level.NATION, "000000")
CONSOLE = "https://airflow.example/green-finance"


def line(number: int = 1, **changes: Any) -> Line:
    """An item four working days overdue at the Bank of Communications, not received yet."""
    need_id = f"FN202603{number:06d}"
    fields: dict[str, Any] = {
        "need_id": need_id,
        "company": f"青禾精密铸造{number}号有限公司",
        "project": "熔炼炉节能改造",
        "amount": Decimal(1_000),
        "department_code": "320000",
        "city_code": "320500",
        "institution_code": "BOCOM",
        "state": "pushed",
        "what": "推送后机构尚未接收",
        "since": date(2026, 11, 30),
        "due_on": date(2026, 12, 2),
        "provisional": False,
        "overdue_working_days": 4,
        "is_major": False,
        "acknowledged_by": "",
        "link": f"{CONSOLE}/needs/{need_id}",
        "action_link": f"{CONSOLE}/act/token{number}",
    }
    return Line(**{**fields, **changes})


def obstruction(number: int = 1, reason_code: str = "R04", **changes: Any) -> Obstruction:
    """A ticket in the province; `changes` of its line or of itself."""
    fields: dict[str, Any] = {
        "obstruction_id": f"OB{number}",
        "reason_code": reason_code,
        "level": Level.PROVINCE,
        "answer_by": date(2026, 12, 15),
        "asked": "对接政策性融资担保。",
        "unconfirmed": False,
    }
    own = {name: changes.pop(name) for name in list(changes) if name in fields}
    return Obstruction(line=line(number, **{"what": "机构报告融资梗阻", **changes}), **{**fields, **own})


def contents(**changes: Any) -> DigestContents:
    """A digest to the MIIT coordinator of Jiangsu, without any item of its own."""
    return DigestContents(**{"posts": (JIANGSU,), "today": TODAY, "urgent": False, **changes})
