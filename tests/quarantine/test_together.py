"""Several holds decided with one reason: as a single one would be, each with an audit entry; and two persons at once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from include.base.act import Act
from include.base.errors import InvalidRequest
from include.domain.states import HoldDecision, HoldTab
from include.quarantine.listing import MOST_CHOSEN, Chosen, all_ids, figures, holds_of, next_hold
from include.quarantine.together import Seen, Together, Wish, decide_together, plan
from include.reference.day import Day
from include.store.tables import audit_entry, delivery, need_version, quarantine, quarantine_finding
from tests.support import rows
from tests.support.clean_need import clean_need
from tests.support.quarantine import NOW, REASON

DAY = Day.in_force(NOW)
MONEY = ("DQ37", "finance.total_investment")
HEAD = ("DQ01", "updated_at")
CODE = ("G01", "project.project_code")
ALL = Chosen()
RELEASE, CONFIRM = Wish(HoldDecision.RELEASE), Wish(HoldDecision.CONFIRM)


def act(actor: str, reason: str = REASON) -> Act:
    return Act(actor_id=actor, role="operator", reason=reason, at=NOW)


def hold_many(database: sa.Engine, kinds: Sequence[tuple[tuple[str, str], ...]]) -> None:
    """One hold for each element, with its findings; those of rules G need two persons."""
    with database.begin() as connection:
        for number, places in enumerate(kinds, 1):
            rows.add_need(connection, number, verdict="held", financing_need=str(100 * number))
            rows.add_hold(connection, number, findings=places)
        document = json.dumps(clean_need({"enterprise.contact": None}), ensure_ascii=False)
        rows.rewrite(connection, sa.update(need_version).values(document=document))


def seen(database: sa.Engine, wish: Wish, actor: str, chosen: Chosen = ALL) -> list[Seen]:
    """The holds of the filter as this person's preview shows them, those that can be decided."""
    with database.connect() as connection:
        planned = plan(connection, all_ids(connection, chosen), wish, act=act(actor))
    return [Seen(one.hold.quarantine_id, one.stamp) for one in planned if not one.refusal]


def decide(database: sa.Engine, wish: Wish, actor: str, chosen: Chosen = ALL) -> Together:
    return decide_together(database, seen(database, wish, actor, chosen), wish, act=act(actor), day=DAY)


def states(database: sa.Engine) -> Counter[str]:
    with database.connect() as connection:
        return Counter(connection.execute(sa.select(quarantine.c.state)).scalars())


def entries(database: sa.Engine) -> Counter[tuple[str, str]]:
    with database.connect() as connection:
        found = connection.execute(sa.select(audit_entry.c.actor, audit_entry.c.action)).tuples()
        return Counter((actor, action) for actor, action in found if action.endswith(("hold", "hold_release")))


def test_130_holds_of_mixed_rules_pass_with_two_persons(database: sa.Engine) -> None:
    """70 of one person's rule, 40 of two persons', 20 of both: the first settles 70, the second the rest."""
    hold_many(database, [(MONEY,)] * 70 + [(CODE,)] * 40 + [(MONEY, CODE)] * 20)
    first = decide(database, RELEASE, "li")
    assert (first.settled, first.waiting, first.refused) == (70, 60, ())
    assert states(database) == {"released": 70, "open": 60}

    again = seen(database, RELEASE, "li")
    assert again == [], "nobody agrees twice"
    with database.connect() as connection:
        for_wang = Chosen(tab=HoldTab.SECOND, actor="wang")
        assert (
            len(holds_of(connection, for_wang)) == figures(connection, for_wang, today=DAY.today).tabs[HoldTab.SECOND]
        )
        assert len(all_ids(connection, for_wang)) == 60
        assert all_ids(connection, Chosen(tab=HoldTab.SECOND, actor="li")) == []

    second = decide(database, RELEASE, "wang", for_wang)
    assert (second.settled, second.waiting, second.refused) == (60, 0, ())
    assert states(database) == {"released": 130}
    assert entries(database) == {
        ("li", "release_hold"): 70,
        ("li", "approve_hold_release"): 60,
        ("wang", "release_hold"): 60,
    }
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(delivery)).scalar_one() == 130


def test_a_decision_about_one_rule_leaves_the_other_findings_open(database: sa.Engine) -> None:
    hold_many(database, [(HEAD,), (HEAD, MONEY)])
    result = decide(database, Wish(HoldDecision.RELEASE, "DQ01"), "li", Chosen(rule_id="DQ01"))
    assert (result.settled, result.waiting) == (1, 1)
    with database.connect() as connection:
        [left] = holds_of(connection)
    assert [one.rule_id for one in left.findings if one.missing] == ["DQ37"]


def test_returned_together_each_need_goes_back_with_its_own_findings(database: sa.Engine) -> None:
    hold_many(database, [(MONEY,), (MONEY, CODE), (CODE,)])
    result = decide(database, CONFIRM, "li")
    assert (result.settled, result.queued, states(database)) == (3, 3, {"returned": 3})
    with database.connect() as connection:
        bodies = connection.execute(sa.select(delivery.c.body).order_by(delivery.c.need_id)).scalars().all()
    assert [body.count("DQ37") + body.count("G01") for body in map(str, bodies)] >= [1, 2, 1]


def test_what_cannot_be_decided_is_named_and_the_rest_is_decided(database: sa.Engine) -> None:
    hold_many(database, [(MONEY,)] * 4)
    chosen = seen(database, RELEASE, "li")
    with database.begin() as connection:
        # Meanwhile: a higher revision, a finding more, and a decision by somebody else.
        rows.add_need(connection, 1, revision=2)
        connection.execute(
            quarantine_finding.insert().values(
                quarantine_id=chosen[1].quarantine_id, rule_id=CODE[0], field=CODE[1], persons_required=2
            )
        )
    decide_together(database, chosen[2:3], CONFIRM, act=act("wang"), day=DAY)
    result = decide_together(database, [*chosen, Seen(999_999, "0" * 12)], RELEASE, act=act("li"), day=DAY)
    assert [one.quarantine_id for one in result.decided] == [chosen[3].quarantine_id]
    told = {one.quarantine_id: f"{one.name}：{one.why}" for one in result.refused}
    assert "已有更高修订号" in told[chosen[0].quarantine_id]
    assert "又发现了新的问题" in told[chosen[1].quarantine_id]
    assert "已有决定（核实后退回）" in told[chosen[2].quarantine_id]
    assert "没有编号为999999" in told[999_999]
    assert all(one.next_step for one in result.refused)


@pytest.mark.parametrize(("number", "reason"), [(0, REASON), (MOST_CHOSEN + 1, REASON), (1, "好")])
def test_without_holds_or_a_reason_nothing_is_decided(database: sa.Engine, number: int, reason: str) -> None:
    chosen = [Seen(one, "0" * 12) for one in range(1, number + 1)]
    with pytest.raises(InvalidRequest):
        decide_together(database, chosen, RELEASE, act=act("li", reason), day=DAY)


def test_two_persons_who_decide_the_same_set_at_once_decide_each_hold_once(database: sa.Engine) -> None:
    hold_many(database, [(MONEY,)] * 24)
    chosen = seen(database, RELEASE, "li")
    results: dict[str, Together] = {}

    def run(actor: str, wish: Wish) -> None:
        results[actor] = decide_together(database, chosen, wish, act=act(actor), day=DAY)

    both = [threading.Thread(target=run, args=one) for one in (("li", RELEASE), ("wang", CONFIRM))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    li, wang = results["li"], results["wang"]
    assert li.settled + wang.settled == 24
    assert len(li.refused) == wang.settled and len(wang.refused) == li.settled
    assert all("已有决定" in one.why for one in (*li.refused, *wang.refused))
    assert sum(entries(database).values()) == 24


def test_the_worklist_is_filtered_by_words_and_amount_but_never_by_a_person_s_name(database: sa.Engine) -> None:
    hold_many(database, [(MONEY,)] * 3)
    with database.begin() as connection:
        for number, name, uscc in (
            (1, "青禾精密铸造有限公司 13912345678", "91330100MA2TE5T013"),
            (2, "青禾新材料有限公司", "91330100MA2TE5T099"),
            (3, "林晓机械加工厂", "92330100MA2TE5T07X"),
        ):
            rows.rewrite(
                connection,
                sa.update(need_version)
                .where(need_version.c.need_id == rows.need_id(number))
                .values(enterprise_name=name, uscc=uscc, project_name="余热回收"),
            )

    def found(*words: str, **more: object) -> list[int]:
        with database.connect() as connection:
            held = holds_of(connection, Chosen(words=words, **more))  # type: ignore[arg-type]
        return sorted(int(one.need_id[2:]) for one in held if one.need_id)

    assert found("青禾") == [1, 2]
    assert found("青禾", "铸造") == [1]
    assert found("000001") == [1]
    assert found("te5t099") == [2]
    assert found("林晓") == found("余热", "机械") == found("13912345678") == found("139123") == []
    assert found("92330100MA2TE5T07X") == [3]
    assert found(least_need=200) == [2, 3]


def test_the_next_hold_follows_in_the_order_of_the_list_and_after_the_last_comes_the_first(database: sa.Engine) -> None:
    hold_many(database, [(MONEY,), (CODE,), (MONEY,)])
    with database.connect() as connection:
        order = [one.quarantine_id for one in holds_of(connection, Chosen(rule_id="DQ37"))]
        assert [next_hold(connection, Chosen(rule_id="DQ37"), one) for one in order] == order[1:] + order[:1]
        assert next_hold(connection, Chosen(rule_id="G01"), all_ids(connection, Chosen(rule_id="G01"))[0]) is None
