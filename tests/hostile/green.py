"""A green platform that lists exactly the bytes it is given, over HTTP, and what an intake makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa

from include import intake
from include.base.privacy import PersonalDataCipher
from include.base.settings import GreenPlatform
from include.domain.identifiers import make_uscc
from include.domain.states import IntakeKind
from include.gate import stage as gate
from include.platforms.green_platform import GreenPlatformClient
from include.reference import policy
from include.reference.day import Day
from tests.support.clean_need import clean_need
from tests.support.rows import moment
from tests.support.scripted import Answer, Received, scripted

NOW = moment("2026-10-01 00:10")
QUARTER, ZHEJIANG = "2026Q3", "330000"
CIPHER = PersonalDataCipher(["key of the hostile partners"])
_NUMERALS = "零一二三四五六七八九"
Written = dict[str, Any]


def sound_need(number: int, **changes: Any) -> Written:
    """A need without a finding that has nothing in common with those of other numbers, 0 to 9."""
    numeral = _NUMERALS[number]
    return clean_need(
        {
            "need_id": f"FN20260300000{number}",
            "enterprise.name": f"浙江青禾{numeral}号新材料有限公司",
            "enterprise.uscc": uscc(number),
            "enterprise.contact.mobile": f"1380000000{number}",
            "project.name": f"{numeral * 4}余热锅炉及配套发电机组改造项目",
            "project.project_code": f"2106-330100-04-02-12345{number}",
            "project.content": f"对{numeral * 20}号生产线的窑炉烟气余热进行回收，新建余热锅炉两台及配套汽轮发电机组。",
            "benefit.energy_saving_tce": f"300{number}.5",
            **{path.replace("__", "."): value for path, value in changes.items()},
        }
    )


def uscc(number: int) -> str:
    """The credit code of a need's factory."""
    return make_uscc("91330100", f"MA2TE5T{number}")


def written(value: Any) -> bytes:
    """A row as a sound partner sends it."""
    return json.dumps(value, ensure_ascii=False).encode()


def factory(number: int, **changes: Any) -> Written:
    """The register's row of a need's factory."""
    return {
        "uscc": uscc(number),
        "name": sound_need(number)["enterprise"]["name"],
        "aliases": [],
        "level": "national",
        "batch": "2023年度",
        "department_code": ZHEJIANG,
        "listed_on": "2024-03-01",
        "removed_on": None,
        **changes,
    }


def coordinator(number: int, **changes: Any) -> Written:
    """A row of the list of coordinators."""
    return {
        "coordinator_id": f"XT-{number}",
        "authority": "MIIT",
        "level": "province",
        "region_code": f"{33 + number}0000",
        "role": "节能处",
        "email": f"xt{number}@example.test",
        "on_duty": True,
        **changes,
    }


def reported(code: str = ZHEJIANG, recommended: int = 0, need: str = "0.00", **changes: Any) -> Written:
    """A row of the manifest."""
    return {
        "department_code": code,
        "recommended": recommended,
        "financing_need": need,
        "zero_return": recommended == 0,
        "reported_at": "2026-09-29T17:00:00+08:00",
        **changes,
    }


@dataclass
class Green:
    """What the platform lists, piece by piece; `needs` by status."""

    needs: dict[str, list[bytes]] = field(default_factory=dict)
    factories: list[bytes] = field(default_factory=lambda: [written(factory(number)) for number in range(10)])
    coordinators: list[bytes] = field(default_factory=lambda: [written(coordinator(number)) for number in range(3)])
    manifest: list[bytes] = field(default_factory=list)
    manifest_quarter: str = QUARTER
    needs_type: str = "application/json"
    needs_encoded: Callable[[bytes], bytes] = bytes

    def __call__(self, request: Received) -> Answer:
        """Answers as the contract says, but for the pieces."""
        parts = urlsplit(request.target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/oauth/token":
            return Answer(200, written({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}))
        if parts.path == "/v1/financing-needs":
            mine = asked.get("department", ZHEJIANG) == ZHEJIANG
            listed = self.needs.get(asked["status"], []) if mine else []
            page = _page(b"items", listed, total=len(listed), next_cursor=None)
            return Answer(200, self.needs_encoded(page), {"Content-Type": self.needs_type})
        if parts.path == "/v1/green-factories":
            return Answer(200, _page(b"items", self.factories, next_cursor=None))
        if parts.path == "/v1/coordinators":
            return Answer(200, _page(b"items", self.coordinators))
        assert parts.path.endswith("/manifest")
        return Answer(200, _page(b"departments", self.manifest, quarter=self.manifest_quarter))


def _page(name: bytes, pieces: Sequence[bytes], **members: object) -> bytes:
    others = b"".join(b', "%s": %s' % (key.encode(), written(value)) for key, value in members.items())
    return b'{"%s": [%s]%s}' % (name, b", ".join(pieces), others)


@contextmanager
def client_of(green: Green) -> Iterator[GreenPlatformClient]:
    """The real client, over HTTP, of a platform."""
    with scripted(reply=green) as server:
        settings = GreenPlatform(base_url=server.url, client_id="id", client_secret="hush")
        with GreenPlatformClient(settings, sleep=lambda _: None) as opened:
            yield opened


Verdicts = dict[str | None, tuple[str, tuple[str, ...]]]
"""By need_id: the verdict, and its findings as "rule field"."""


def take_in(database: sa.Engine, green: Green, run_id: str = "run-1") -> Verdicts:
    """Read everything, judge Zhejiang and close: what the quarterly intake does for it."""
    request = intake.IntakeRequest(
        run_id=run_id, kind=IntakeKind.QUARTERLY, quarter=QUARTER, departments=(ZHEJIANG,), dry_run=False
    )
    intake_id = intake.begin(database, request, NOW)
    with client_of(green) as client:
        intake.pull_register(database, client, CIPHER, NOW.date(), NOW, policy())
        intake.pull_coordinators(database, client, CIPHER, now=NOW)
        intake.pull_manifest(database, client, CIPHER, intake_id, QUARTER, Day.in_force(NOW))
        intake.pull_withdrawals(database, client, CIPHER, QUARTER, NOW, intake_id)
        intake.pull_department(
            database, client, CIPHER, intake_id=intake_id, department_code=ZHEJIANG, day=Day.in_force(NOW)
        )
    gate.judge_departments(database, CIPHER, intake_id=intake_id, department_codes=[ZHEJIANG], day=Day.in_force(NOW))
    intake.close(database, intake_id, Day.in_force(NOW))
    return verdicts(database)


def verdicts(database: sa.Engine) -> Verdicts:
    """What was judged."""
    with database.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select judgement.need_id, verdict, array_remove(array_agg(rule_id || ' ' || field order by 1), null)"
                " as found from judgement left join finding using (judgement_id)"
                " group by judgement_id, judgement.need_id, verdict"
            )
        )
        return {row.need_id: (row.verdict, tuple(sorted(row.found))) for row in rows}


def set_aside(database: sa.Engine) -> list[tuple[str, str, str]]:
    """Source, problem and identifier of each open piece."""
    with database.connect() as connection:
        rows = connection.execute(
            sa.text("select source, problem, known_as from set_aside where resolved_at is null order by 1, 2, 3")
        )
        return [tuple(row) for row in rows]
