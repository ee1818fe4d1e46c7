"""What a person sees of a held need before deciding: the form as filed, in words, and nothing about a person."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from include.domain.identifiers import make_uscc
from include.quarantine.filed_content import filed_content
from tests.support.clean_need import CHECKED_AT, clean_need
from tests.support.taken_in import judge, take_in

CONTACT = {"name": "金丝雀", "mobile": "13912345678", "email": "canary@canary.cn"}


def filed(database: sa.Engine, *records: dict[str, object]) -> list[dict[str, str]]:
    """Path → value in words, for each hold that these records led to."""
    intake_id = take_in(database, "run", records, now=CHECKED_AT)
    judge(database, intake_id, now=CHECKED_AT)
    with database.connect() as connection:
        holds = connection.execute(sa.text("select quarantine_id from quarantine order by 1")).scalars().all()
        parts = [filed_content(connection, quarantine_id, "operator") for quarantine_id in holds]
    return [{one.path: one.value for fields in found.values() for one in fields} for found in parts]


def test_the_form_is_shown_in_words_and_without_its_contact(database: sa.Engine) -> None:
    spoilt = {
        "finance.total_investment": "8000000.00",
        "enterprise.contact": CONTACT,
        "enterprise.debt_ratio": 45.5,
        "project.content": "建设余热锅炉两台及配套汽轮发电机组一套，联系电话13912345678，邮箱 canary@canary.cn。",
        "finance.collateral": [],
    }
    (values,) = filed(database, clean_need(spoilt))
    assert values["finance.total_investment"] == "8,000,000 万元（800.00 亿元）"
    assert values["enterprise.city_code"] == "杭州市（330100）"
    assert values["enterprise.industry_code"] == "有机化学原料制造（2614）"
    assert values["project.catalogue_code"] == "余热余压余气利用设备制造（1.1.17）"
    assert values["benefit.energy_saving_tce"].endswith(" 吨标准煤/年")
    assert values["submitted_at"] == "2026-09-10 09:30"
    assert values["enterprise.debt_ratio"] == "45.5 %"
    assert values["enterprise.factory_level"] == "国家级"
    assert values["project.permits.environment"] == "办理中"
    assert values["department_code"] == "浙江省经济和信息化厅"
    assert values["finance.methods[1].method"] == "融资租赁"
    assert values["finance.intended_institutions[0]"] == "中国工商银行"
    assert values["review.compliance_ok"] == "是"
    assert values["benefit.water_saving_m3"] == "—"
    assert not any(path.startswith(("enterprise.contact", "attachments")) for path in values)
    told = " ".join(values.values())
    assert not any(secret in told for secret in ("金丝雀", "13912345678", "canary"))


def test_a_head_of_another_type_is_shown_as_sent_and_long_texts_are_cut(database: sa.Engine) -> None:
    spoilt = {"is_major": ["否"], "project.content": "建设" * 1000, "finance.existing_financing": None}
    (values,) = filed(database, clean_need(spoilt))
    assert values["is_major"] == '["否"]'
    assert values["project.content"] == "建设" * 200 + "…"
    assert not any(path.startswith("finance.existing_financing") for path in values)


def test_what_points_to_a_sole_proprietor_is_not_shown(database: sa.Engine) -> None:
    owner = {"enterprise.uscc": make_uscc("92330100", "MA2TE5T0"), "enterprise.name": "林晓机械加工厂"}
    (values,) = filed(database, clean_need(owner | {"project.name": "林晓机械加工厂节能改造项目"}))
    assert values["enterprise.name"] == "个体工商户（名称不显示）"
    assert values["enterprise.uscc"] == values["project.name"] == values["project.content"] == "（个体工商户，不显示）"
    assert "林晓" not in " ".join(values.values())


def test_another_content_of_a_stored_revision_and_an_unaddressable_record_have_no_document(
    database: sa.Engine,
) -> None:
    take_in(database, "before", [clean_need()], now=CHECKED_AT - timedelta(hours=1))
    rewritten = clean_need({"enterprise.debt_ratio": 46})
    assert filed(database, rewritten, clean_need({"need_id": "FX1"})) == [{}, {}]
