"""Registers and families of needs to compare two judgements on: few values each, so that they meet and clash often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import Any

from include.domain.identifiers import make_uscc
from include.register.in_use import RegisterRow
from tests.gate.engine.handbook.needs import SpoiltNeed, spoilt_need
from tests.support.clean_need import clean_need, register_row

FACTORIES = ("91330100MA2TE5T013", make_uscc("91330100", "MA2TE5T1"), make_uscc("91330100", "MA2TE5T2"))
ENTRIES = (
    date(2000, 1, 1),
    date(2024, 2, 29),
    date(2026, 9, 27),
    date(2026, 9, 28),
    date(2026, 9, 29),
    date(2026, 9, 30),
)
REMOVALS = (None, date(2023, 9, 28), date(2023, 9, 29), date(2023, 9, 30), *ENTRIES[1:])
NAMES = ("浙江青禾新材料有限公司", "浙江 青禾新材料有限公司", "青禾集团", "ＡＣＭＥ(浙江)公司")
FAMILY: dict[str, Sequence[Any]] = {
    "need_id": tuple(f"FN20260300000{last}" for last in range(1, 9)),
    "revision": (1, 1, 1, 2, 3),
    "quarter": ("2026Q3", "2026Q2", "2025Q3", "2025Q2"),
    "submitted_at": ("2026-09-10T09:30:00+08:00", "2026-09-10T01:30:00Z", "2026-09-09T09:30:00+08:00", "2026-09-10"),
    "enterprise.uscc": (*FACTORIES, FACTORIES[0].lower(), "９" + FACTORIES[1][1:], "91330100MA2TE5T014"),
    "enterprise.contact.mobile": ("13800000000", "+86 138 0000 0000", "13900000000", "1380000000"),
    "review.recommended_at": ("2026-09-28T15:00:00+08:00", "2026-09-30T16:00:00Z", "2026-10-14T23:59:59+08:00",
                              "2026-10-15T00:00:00+08:00", "2026-06-30T23:59:59+08:00"),
    "is_major": (False, False, True),
    "project.project_code": ("2106-330100-04-02-123456", "21063301000402123456", "2106-330100-04-02-999999", None, "x"),
    "project.name": ("余热锅炉及配套发电机组改造项目", "余热锅炉与配套发电机组改造项目", "空压站群智能控制改造项目", "余热锅炉 ", "无"),
    "project.content": ("更换六台高效空压机，建设空压站群智能控制系统，配套余热回收装置。", "建" * 30),
    "benefit.energy_saving_tce": ("3000.5", "3600.6", "3600.6001", "3000.50", "0", None, "1,000"),
    "benefit.carbon_reduction_tco2": ("7800", "9360", "9360.0001", "7800.0", "x"),
    "benefit.baseline_energy_tce": ("20000", "30000"),
    "benefit.basis": ("feasibility_study", "third_party", "guess"),
    "attachments": ([], [{"kind": "third_party_report", "sha256": "a"}], [{"kind": "third_party_report", "sha256": "b"}],
                    [{"kind": "third_party_report"}, None], {}, [{"kind": "opinion", "sha256": "a"}]),
}  # fmt: skip


def family(chance: random.Random, size: int) -> list[SpoiltNeed]:
    """Needs and revisions of a few factories; each revision of a need only once, as in the store."""
    found: dict[Any, SpoiltNeed] = {}
    for _ in range(size):
        spoils = {path: chance.choice(values) for path, values in FAMILY.items() if chance.random() < 0.6}
        if chance.random() < 0.1:
            spoils |= spoilt_need(chance).spoils
        one = SpoiltNeed({}, spoils)
        found.setdefault((repr(one.item()["need_id"]), repr(one.item()["revision"])), one)
    return list(found.values())


REGISTERED: dict[str, Sequence[Any]] = {
    "enterprise.uscc": (*FACTORIES, FACTORIES[0], FACTORIES[1], FACTORIES[0].lower(), "91330100MA2TE5T014", 7),
    "enterprise.name": (*NAMES, "acme（浙江）公司", "浙江青禾\u200b新材料有限公司", "无"),
    "enterprise.factory_level": ("national", "provincial", "municipal", "不明", None),
    "enterprise.factory_batch": ("2023年度", "2023 年度", "第一批", "第\u200b一批", ""),
    "department_code": ("330000", "330200", "330001"),
    "review.recommended_at": ("2026-09-28T15:00:00+08:00", "2026-09-27T16:00:00Z", "2026-09-27T15:59:59Z", "2026-09-28",
                              "2026-09-29T00:00:00+08:00", None),
}  # fmt: skip


def registered_needs(chance: random.Random, size: int) -> list[dict[str, Any]]:
    """Needs of few factories, which say of themselves what the register may or may not say."""
    chosen = [
        {path: chance.choice(values) for path, values in REGISTERED.items() if chance.random() < 0.4}
        for _ in range(size)
    ]
    return [clean_need(spoils) for spoils in chosen]


def some_register(chance: random.Random) -> list[RegisterRow]:
    """Up to four rows of few factories, each in force, gone or to come on the days that matter."""
    return [
        register_row(
            uscc=chance.choice(FACTORIES[:2]),
            name=chance.choice(NAMES),
            aliases=tuple(chance.sample(NAMES, chance.choice((0, 0, 1, 2)))),
            level=chance.choice(("national", "national", "provincial", "不明")),
            batch=chance.choice(("2023年度", "２０２３ 年度", "第一批")),
            department_code=chance.choice(("330000", "330000", "330200")),
            listed_on=chance.choice(ENTRIES),
            removed_on=chance.choice(REMOVALS),
        )
        for _ in range(chance.choice((0, 1, 1, 2, 4)))
    ]
