"""What the figures mean (口径): once, for the circular and for the console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure by its name, what it counts, and of what."""

    term: str
    meaning: str


CIRCULAR: tuple[Definition, ...] = (
    Definition(
        "推荐", "主管部门报送的需求，按所属季度、以最新修订版本统计，已撤回的不计。推荐＝通过＋退回补正＋待核实。"
    ),
    Definition(
        "待核实", "须由人工核实或尚未核验的需求。只计项数；金额可能有误，不计入任何金额。退回补正的同样只计项数。"
    ),
    Definition("需求金额", "核验通过的需求的融资需求金额。推送后有修订且修订未通过核验的，只计项数。"),
    Definition("推送", "已送达信贷市场服务平台的需求，含推送后撤回的。"),
    Definition(
        "对接进展",
        "按机构反馈的发生时间统计至数据时点；各环节按曾达到的最远一步计数，其后终止的仍计入。"
        "表2按需求计，一项需求只计一次；表3按机构计，一项需求由多家机构对接的分别计数。",
    ),
    Definition("授信率、落地率", "获得授信的需求÷推送的需求；实现放款的需求÷推送的需求。"),
    Definition("加权平均年利率", "注明利率的各笔放款，按放款金额加权。"),
    Definition(
        "超期未推进",
        "已推送、未撤回的需求中，至少一家机构的对接环节超过约定时限且未暂停的。“已提请督办”是其中的一部分。",
    ),
    Definition(
        "按时报送率", "按时报送（含零报送）的主管部门÷全部主管部门。零报送：报告本季度没有需求；未报送：没有报告。"
    ),
    Definition("警示", "待核实或已确认的警示，使相关对接不计入其他各项数字，另行列出。"),
    Definition(
        "数字修约",
        "金额以亿元计、保留两位小数，利率保留两位小数，其他比率保留一位小数，均四舍五入；合计由原始数据加总后修约。",
    ),
)
"""The figures of the circular, in the order of its sections."""

CONSOLE: tuple[Definition, ...] = (
    Definition("需求", "一个企业的一个项目的融资需求，以需求编号区分；修订后仍是同一项需求。"),
    Definition("对接", "一项需求与一家金融机构。一项需求可有多家机构对接。"),
    Definition(
        "待核实的记录", "一条待核实的记录对应需求的一个修订版本。同一需求可先后有几条，所以记录数不少于待核实的需求数。"
    ),
    Definition(
        "逾期事项", "一项对接（或一项需求）超过一个时限。一项需求可同时有几个逾期事项，所以事项数多于逾期的需求数。"
    ),
    Definition("督办", "一个逾期事项逐级告知协调人，每告知一级计一次。"),
    Definition("协调事项", "金融机构反馈的一个融资梗阻，由一级协调人办理。"),
)
"""What the console counts besides."""
