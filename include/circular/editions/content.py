"""The content of an edition of the circular, made from stored figures: the same snapshot gives the same content.

The public edition shows what disclosure.py lets through and never a name. The internal edition adds branches, ranks and
changes on the last quarter, for operators and approvers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from include.base.business_time import SHANGHAI
from include.circular.editions import pictures, tables
from include.circular.editions.cells import guarded, yi
from include.circular.editions.model import (
    Attachment,
    Block,
    Cell,
    Column,
    Content,
    EditionKind,
    Heading,
    Hidden,
    Paragraph,
    Table,
    shown,
)
from include.circular.editions.numbering import numbered
from include.circular.editions.snapshot import Snapshot
from include.domain.quarter import Quarter
from include.reference import Policy
from include.words.amounts import half_up
from include.words.definitions import CIRCULAR
from include.words.quarters import quarter_label

ISSUERS = ("工业和信息化部节能与综合利用司", "中国人民银行信贷市场司")
_ADDRESSEES = (
    "各省、自治区、直辖市、计划单列市及新疆生产建设兵团工业和信息化主管部门，中国人民银行各分行，各有关金融机构："
)
_NOTICE = (
    "《工业和信息化部办公厅　中国人民银行办公厅关于用好绿色金融政策支持绿色工厂建设的通知》（工信厅联函〔2025〕490号）"
)


def edition_content(
    snapshot: Snapshot,
    history: Sequence[Snapshot],
    kind: EditionKind,
    policy: Policy,
    *,
    signed_on: date | None = None,
) -> Content:
    """The edition of `snapshot`; `history`: circulars of earlier quarters, the oldest first."""
    quarter = Quarter.parse(snapshot.figures.quarter)
    internal = kind == "internal"
    if internal:
        snapshot, history = _opened(snapshot), [_opened(one) for one in history]
    minimum = 0 if internal else policy.integer("small_cell_min")
    previous = next((one for one in history if Quarter.parse(one.figures.quarter).next() == quarter), None)
    body = numbered(_body(snapshot, history, previous, minimum), "表")
    attachments = _attachments(snapshot, previous, policy.integer("small_cell_min"), internal)
    return Content(
        kind=kind,
        quarter=snapshot.figures.quarter,
        mark="内部资料　注意保存" if internal else "公开版",
        issuers=ISSUERS,
        number=f"〔{snapshot.figures.cut_off_moment.astimezone(SHANGHAI).year}〕　　　号",
        title_lines=(f"关于{quarter_label(quarter)}", "金融支持绿色工厂情况的通报"),
        addressees=_ADDRESSEES,
        blocks=tuple(body),
        attachments=tuple(
            replace(one, blocks=tuple(numbered(one.blocks, f"附表{at}-")))
            for at, one in enumerate(attachments, start=1)
        ),
        signed_on=signed_on,
        as_of=snapshot.figures.cut_off_moment,
    )


def _opened(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, hidden=frozenset())


def _body(snapshot: Snapshot, history: Sequence[Snapshot], previous: Snapshot | None, minimum: int) -> Iterator[Block]:
    quarter = quarter_label(snapshot.figures.quarter)
    yield Paragraph(
        f"根据{_NOTICE}关于探索建立金融支持绿色工厂信息通报机制的要求，现将{quarter}有关情况通报如下。"
        f"数据截至{_moment(snapshot)}。"
    )
    yield from _overall(snapshot, previous)
    yield Heading(1, "报送与对接进展")
    yield Heading(2, "各地区报送情况")
    yield Paragraph(_manifests(snapshot))
    yield pictures.recommended_map(snapshot)
    yield Heading(2, "从推荐到放款")
    yield Paragraph(_conversion(snapshot))
    yield pictures.funnel(snapshot)
    yield Heading(2, "各金融机构对接情况")
    yield from _institutions(snapshot)
    if history:
        yield Heading(2, "近几个季度变化")
        yield Paragraph("各季度数字以该季度通报的数据时点为准；推送时间越近，授信和放款的时间越短，比较时应予考虑。")
        yield pictures.trend(snapshot, history)
    yield from _problems(snapshot, minimum)
    yield from _effects(snapshot, minimum)
    yield Heading(1, "下一步要求")
    yield from map(Paragraph, _NEXT)


_NEXT = (
    "各级工业和信息化主管部门应于每季度最后一个工作日前完成推荐，无需求的作零报送；对退回补正的需求，应督促企业及时补正后重新报送。",
    "各有关金融机构应按照市场化、法治化原则自主决策、自担风险，及时联系企业、反馈对接情况；未达成融资的，应如实反馈原因。",
    "人民银行各分行和各级工业和信息化主管部门应强化监测督导，及时协调解决融资梗阻，防范“洗绿”“漂绿”风险。",
)


def _overall(snapshot: Snapshot, previous: Snapshot | None) -> Iterator[Block]:
    row, manifests = tables.nation(snapshot), snapshot.figures.manifests
    yield Heading(1, "总体情况")
    yield Paragraph(
        f"全国{manifests.departments}个省级工业和信息化主管部门中，{manifests.recommending}个推荐了需求，"
        f"{manifests.zero_returns}个零报送，{len(manifests.missing)}个未报送，共推荐绿色工厂项目融资需求"
        f"{_n(row.count('recommended'))}项。经核验，通过{_n(row.count('passed'))}项，融资需求金额"
        f"{_yi(row.amount('passed'))}亿元；退回补正{_n(row.count('returned'))}项，另有{_n(row.count('pending'))}项待核实，"
        f"金额均未计入。已通过中国人民银行信贷市场服务平台推送{_n(row.count('pushed'))}项，金额{_yi(row.amount('pushed'))}亿元。"
    )
    yield Paragraph(
        f"已推送的需求中，{_n(row.count('answered'))}项有金融机构反馈；{_n(row.count('approved'))}项获得授信，授信金额"
        f"{_yi(row.amount('approved'))}亿元，授信率{_rate(row.rate('approved', 'pushed'))}；{_n(row.count('drawn'))}项实现放款，"
        f"放款金额{_yi(row.amount('drawn'))}亿元，落地率{_rate(row.rate('drawn', 'pushed'))}。{_since(snapshot, previous)}"
    )


def _since(snapshot: Snapshot, previous: Snapshot | None) -> str:
    """The change of the two rates on the last quarter, if both may be seen."""
    if previous is None:
        return ""
    changes = []
    for name, part in (("授信率", "approved"), ("落地率", "drawn")):
        now, before = (tables.nation(one).rate(part, "pushed") for one in (snapshot, previous))
        if isinstance(now, Decimal) and isinstance(before, Decimal):
            points = half_up((now - before) * 100, "0.1")
            how = "持平" if points == 0 else f"{'上升' if points > 0 else '下降'}{abs(points)}个百分点"
            changes.append(f"{name}{how}")
    return f"与上季度通报相比，{'，'.join(changes)}。" if changes else ""


def _manifests(snapshot: Snapshot) -> str:
    found = snapshot.figures.manifests
    missing = "、".join(tables.department_name(code) for code in found.missing)
    on_time = shown(half_up(Decimal(found.on_time) / found.departments, "0.001"), "rate") if found.departments else "—"
    return (
        f"按时报送{found.on_time}个（含零报送），按时报送率{on_time}；逾期报送{found.late}个；"
        + (f"未报送{len(found.missing)}个（{missing}）。" if missing else "无未报送。")
        + "各地区报送、核验和对接的详细情况见附件1。"
    )


def _conversion(snapshot: Snapshot) -> str:
    row = tables.nation(snapshot)
    return (
        f"推送的需求中，有金融机构反馈的占{_rate(row.rate('answered', 'pushed'))}，已联系企业的占"
        f"{_rate(row.rate('contacted', 'pushed'))}，已受理申请的占{_rate(row.rate('accepted', 'pushed'))}。"
        f"对接环节超过约定时限未推进的{_n(row.count('stalled'))}项。"
    )


def _institutions(snapshot: Snapshot) -> Iterator[Block]:
    chart = pictures.outcomes(snapshot)
    yield Paragraph(
        "一项需求可由多家金融机构对接，按项次分别计数。各金融机构的详细情况见附件2。"
        + ("" if chart.rows else "各机构对接项次较少，不作图示。")
    )
    if chart.rows:
        yield chart


def _problems(snapshot: Snapshot, minimum: int) -> Iterator[Block]:
    figures, found = snapshot.figures, snapshot.figures.obstructions
    yield Heading(1, "存在问题")
    yield Paragraph(
        f"金融机构累计反馈融资梗阻{_n(guarded(found.opened, found.opened_needs, minimum))}件，其中尚未解除"
        f"{_n(guarded(found.open, found.open_needs, minimum))}件。超过约定时限未推进的需求中，已提请各级协调人督办"
        f"{_n(guarded(figures.escalated_needs, figures.escalated_needs, minimum))}项。"
    )
    if figures.refusals:
        yield tables.refusals(snapshot, minimum)
    else:
        yield Paragraph("截至数据时点，金融机构未反馈未达成融资的情况。")


def _effects(snapshot: Snapshot, minimum: int) -> Iterator[Block]:
    effect, kept = snapshot.figures.soundness.effect, snapshot.figures.soundness.kept_out
    rate = snapshot.figures.loan_rate
    hidden = 0 < effect.needs < minimum
    saving, carbon = (
        "*" if hidden else f"{half_up(one, '1'):,}" for one in (effect.energy_saving_tce, effect.carbon_reduction_tco2)
    )
    yield Heading(1, "绿色效果与风险警示")
    text = f"按放款占项目总投资的比例折算，预计年节能量{saving}吨标准煤、年减碳量{carbon}吨二氧化碳。"
    if rate.amount and rate.needs >= minimum:
        text += f"注明利率的放款加权平均年利率为{half_up(rate.weighted / rate.amount, '0.01')}%。"
    yield Paragraph(text)
    drawn = Hidden.SMALL if 0 < kept.needs < minimum else yi(kept.drawn_amount)
    yield Paragraph(
        f"存在待核实或已确认警示的需求{_n(guarded(kept.needs, kept.needs, minimum))}项，相关对接（放款{_yi(drawn)}亿元）"
        "及其减排效果不计入本通报其他各项数字。"
    )
    if snapshot.figures.soundness.alerts:
        yield tables.alerts(snapshot, minimum)


def _attachments(
    snapshot: Snapshot, previous: Snapshot | None, small_cell_min: int, internal: bool
) -> Iterator[Attachment]:
    yield Attachment("各地区报送、核验与对接情况", (tables.reporting(snapshot), tables.financing(snapshot)))
    yield Attachment("各金融机构对接情况", (tables.by_institution(snapshot),))
    if internal:
        yield Attachment("中国人民银行各分行辖区情况", (tables.by_branch(snapshot),))
        yield Attachment(
            "排名与较上季变化",
            (
                Paragraph(
                    f"按落地率由高到低排名，并列的名次相同；推送（对接）不足{tables.RANKED_FROM}项的不排名。"
                    "较上季为百分点，▲上升、▼下降，上季未通报的以“—”标示。"
                ),
                pictures.landing_map(snapshot),
                tables.department_ranking(snapshot, previous),
                tables.institution_ranking(snapshot, previous),
            ),
        )
    yield Attachment("指标口径说明", tuple(_definitions(small_cell_min, internal)))


def _definitions(small_cell_min: int, internal: bool) -> Iterator[Block]:
    yield Paragraph(
        f"{_NOTICE}规定了报送时间并要求探索建立信息通报机制。本通报的指标、口径、对接各环节的时限与原因分类，"
        "文件均未规定，系项目约定，不具有强制效力。推荐和推送不构成授信承诺，是否融资由金融机构自主决策、自担风险。"
    )
    columns = (Column("指标", "text"), Column("口径", "text"))
    rows = [(one.term, one.meaning) for one in CIRCULAR]
    if not internal:
        rows.append(
            (
                "“*”",
                f"所涉需求不足{small_cell_min}项或可由此推算的数字，为保护企业信息不予公开。本通报不含企业名称和联系信息。",
            )
        )
    rows.append(("“—”", "没有可计算的数。"))
    yield Table("指标口径", "", columns, tuple(rows))


def _moment(snapshot: Snapshot) -> str:
    at = snapshot.figures.cut_off_moment.astimezone(SHANGHAI)
    return f"{at.year}年{at.month}月{at.day}日{at:%H:%M}"


def _n(cell: Cell) -> str:
    return shown(cell, "count")


def _yi(cell: Cell) -> str:
    return shown(cell, "amount")


def _rate(cell: Cell) -> str:
    return shown(cell, "rate")
