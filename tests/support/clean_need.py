"""A need that passes the gate with no finding at all, and a way to spoil it."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from include.domain.identifiers import make_uscc, normalise_id
from include.domain.identity import item_sha256
from include.gate.engine.history import History
from include.gate.engine.judge import Surroundings, Verdict
from include.gate.engine.judge import judge as judge_in
from include.reference import Policy
from include.register.in_use import Register, RegisterRow
from tests.support.rows import need_id

CHECKED_AT = datetime(2026, 9, 30, 18, tzinfo=ZoneInfo("Asia/Shanghai"))

MISSING = object()
"""As an override: the key is taken away."""

_CLEAN: dict[str, Any] = {
    "need_id": "FN202603000001",
    "revision": 1,
    "form_version": "2025.1",
    "quarter": "2026Q3",
    "status": "recommended",
    "is_major": False,
    "submitted_at": "2026-09-10T09:30:00+08:00",
    "updated_at": "2026-09-12T10:00:00+08:00",
    "department_code": "330000",
    "enterprise": {
        "name": "浙江青禾新材料有限公司",
        "uscc": "91330100MA2TE5T013",
        "factory_level": "national",
        "factory_batch": "2023年度",
        "province_code": "330000",
        "city_code": "330100",
        "industry_code": "2614",
        "size": "medium",
        "revenue_last_year": "52000.00",
        "total_assets": "80000",
        "debt_ratio": 45,
        "contact": {"name": "林晓", "mobile": "13800000000", "email": "linxiao@example.cn"},
    },
    "project": {
        "name": "余热锅炉及配套发电机组改造项目",
        "project_code": "2106-330100-04-02-123456",
        "category": "technical_retrofit",
        "sub_direction": "energy_carbon",
        "basis_type": "catalogue_2025",
        "catalogue_code": "1.1.17",
        "basis_document": None,
        "content": "对两条生产线的窑炉烟气余热进行回收，新建余热锅炉两台及配套汽轮发电机组一套，并改造循环水系统。",
        "site_county_code": "330106",
        "construction_status": "planned",
        "start_date": "2026-12-01",
        "end_date": "2028-06-30",
        "permits": {
            "filing": "done",
            "land": "not_needed",
            "environment": "in_progress",
            "energy_review": "done",
            "safety": "not_needed",
        },
    },
    "finance": {
        "total_investment": "5000.00",
        "invested_amount": "500.00",
        "own_capital": "2000.00",
        "subsidy_amount": "100",
        "financing_need": "2500.00",
        "methods": [{"method": "loan", "amount": "2000"}, {"method": "leasing", "amount": "500.00"}],
        "term_months": 60,
        "needed_by": "2026-12-15",
        "use_of_funds": "购置余热锅炉及配套发电机组",
        "expected_rate_max": 4,
        "collateral": ["mortgage", "credit"],
        "intended_institutions": ["ICBC", "CCB"],
        "existing_financing": [{"institution_code": "XYZ001", "amount": "200.00", "status": "approved"}],
    },
    "benefit": {
        "basis": "feasibility_study",
        "energy_saving_tce": "3000.5",
        "carbon_reduction_tco2": "7800",
        "baseline_energy_tce": "20000",
        "water_saving_m3": None,
        "solid_waste_used_t": None,
        "pollutant_cut_t": None,
    },
    "review": {
        "compliance_ok": True,
        "need_verified": True,
        "opinion": "同意推荐",
        "recommended_at": "2026-09-28T15:00:00+08:00",
        "recommended_by": "节能处",
    },
    "attachments": [],
}


def clean_need(overrides: dict[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
    """A fresh clean need; `overrides` by path ("finance.methods[0].amount"), MISSING takes the key away.

    As keyword arguments paths are written with __ for the dot: clean_need(finance__total_investment="1").
    """
    need = copy.deepcopy(_CLEAN)
    for path, value in ((overrides or {}) | {key.replace("__", "."): value for key, value in more.items()}).items():
        put(need, path, value)
    return need


def keyed_hash(text: str) -> str:
    """A keyed hash as PersonalDataCipher makes it."""
    return hashlib.sha256(b"test" + text.encode("utf-8", "replace")).hexdigest()


def register_row(**changes: Any) -> RegisterRow:
    """The row of the clean need's factory."""
    row: dict[str, Any] = {
        "uscc": "91330100MA2TE5T013",
        "name": "浙江青禾新材料有限公司",
        "aliases": (),
        "level": "national",
        "batch": "2023年度",
        "department_code": "330000",
        "listed_on": date(2024, 3, 1),
        "removed_on": None,
    }
    return RegisterRow(**(row | changes))


def agreeing_register(records: Sequence[Mapping[str, Any]]) -> Register:
    """A register that says of each factory what its need says, so that rules of scope register are silent."""
    rows = []
    for record in records:
        given = record.get("enterprise")
        enterprise = given if isinstance(given, Mapping) else {}
        uscc = enterprise.get("uscc")
        if isinstance(uscc, str):
            texts = {
                "name": enterprise.get("name"),
                "level": enterprise.get("factory_level"),
                "batch": enterprise.get("factory_batch"),
                "department_code": record.get("department_code"),
            }
            said = {name: text for name, text in texts.items() if isinstance(text, str)}
            rows.append(register_row(uscc=normalise_id(uscc), listed_on=date(1, 1, 1), **said))
    return Register.of(rows)


def judge(
    records: Sequence[Mapping[str, Any]],
    *,
    checked_at: datetime,
    policy: Policy,
    register: Register | None = None,
    history: History | None = None,
) -> list[Verdict]:
    """The gate's judgement; without another register and history, these agree with whatever the records say."""
    surroundings = Surroundings(register or agreeing_register(records), history or History(), keyed_hash, item_sha256)
    return judge_in(records, checked_at=checked_at, policy=policy, surroundings=surroundings)


def put(record: Any, path: str, value: Any) -> None:
    """Set (or take away) what is at `path` of a record."""
    *parents, last = path.replace("[", ".[").split(".")
    for step in parents:
        record = record[_key(step)]
    if value is MISSING:
        del record[_key(last)]
    else:
        record[_key(last)] = value


def _key(step: str) -> str | int:
    return int(step[1:-1]) if step.startswith("[") else step


def filed(number: int, **changes: Any) -> dict[str, Any]:
    """A need of a factory and a project of its own."""
    own = {
        "need_id": need_id(number),
        "enterprise__uscc": make_uscc("91330100", f"MA2TE{number:03d}"),
        "enterprise__contact__mobile": f"1390000{number:04d}",
        "project__project_code": f"2106-330100-04-02-{number:06d}",
        "project__name": f"第{number}号窑炉余热利用项目",
        "project__content": f"对第{number}条生产线的窑炉烟气余热进行回收，新建余热锅炉及配套汽轮发电机组一套。",
        "benefit__energy_saving_tce": f"{3000 + number}.5",
    }
    return clean_need(**(own | changes))
