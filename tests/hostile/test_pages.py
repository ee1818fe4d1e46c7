"""What was filed at any length, with any moment, opens on every page within its usual time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tests.hostile.green import QUARTER, ZHEJIANG, Green, reported, sound_need, take_in, written
from tests.support.console import Console

FILED: dict[str, Mapping[str, Any]] = {
    "long names": {"enterprise.name": "甲" * 30_000, "project.name": "a@" * 15_000},
    "long texts": {"project.content": "13800001234 " * 10_000, "finance.use_of_funds": "x@y" * 50_000},
    "long codes": {
        "enterprise.uscc": "9" * 6_000,
        "enterprise.city_code": "3" * 6_000,
        "project.catalogue_code": "1" * 9_000,
    },
    "many institutions": {"finance.intended_institutions": ["ICBC" * 100] * 1_000},
    "many elements": {"finance.methods": [{}] * 3_000, "finance.collateral": ["house"] * 3_000},
    "the end of the calendar": {"submitted_at": "9999-12-31T23:59:59-08:00", "updated_at": "9999-12-31T23:59:59-08:00"},
    "the beginning of the calendar": {"submitted_at": "0001-01-01T00:00:00+08:00"},
    "a recommendation out of time": {"review.recommended_at": "9999-12-31T23:59:59-08:00"},
    "numbers at the limits": {"enterprise.debt_ratio": 10**199, "finance.term_months": 10**199, "x": {"y": [10**199]}},
    "wrong types everywhere": {"enterprise": [], "project": "x", "finance": 1, "benefit": None, "review": [[]]},
    "U+0000 and marks of direction": {
        "enterprise.name": "浙江\0\u202e青禾\u2066有限公司",
        "project.name": "余热\x1b[31m改造项目",
    },
}
_PAGES = (
    *(
        "",
        "needs",
        "needs?q=FN20260300000",
        "needs?q=甲",
        "needs/FN202603000009",
        "holds",
        "holds/1",
        "holds/2",
        "stops",
    ),
    *("alerts", "escalations", "obstructions", "deadlines", "deliveries", "deliveries/1", "deliveries/2", "reruns"),
    *("register", "unreadable", f"validation/{QUARTER}", f"validation/{QUARTER}/{ZHEJIANG}"),
)
_CPU_SECONDS = 1.0


@pytest.mark.parametrize("changes", FILED.values(), ids=FILED)
def test_every_page_that_shows_it_opens(console: Console, database: sa.Engine, changes: Mapping[str, Any]) -> None:
    green = Green(manifest=[written(reported(ZHEJIANG, 2, "5000.00"))])
    for revision, filed in enumerate(({}, changes, {}), 1):
        spoilt = sound_need(9, **{"revision": revision, **filed})
        green.needs["recommended"] = [written(sound_need(1)), written(spoilt)]
        take_in(database, green, f"run-{revision}")
    for name, role in (("li", "viewer"), ("wang", "op")):
        browser = console.log_in(name, role)
        for page in _PAGES:
            begun = time.process_time()
            answer = browser.get(f"/green-finance/{page}")
            used = time.process_time() - begun
            assert answer.status_code in (200, 307, 404) or (answer.status_code == 400 and page[-1] in "12"), page
            assert used < _CPU_SECONDS, f"{page} took {used:.1f} s"
            assert len(answer.content) < 500_000, page
