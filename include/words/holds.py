"""Words of the worklist of holds: reasons to pick from. A person adds to them in his own words."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.states import HoldDecision

HOLD_REASONS: Mapping[HoldDecision, tuple[str, ...]] = {
    HoldDecision.RELEASE: (
        "已电话向企业核实，填报无误",
        "已向主管部门核实，情况属实",
        "经比对为不同项目，不属重复申报",
        "更名或迁址属实，待名单更新",
        "已核对测算依据，数值合理",
        "已与绿色平台核对，系平台下发问题，内容可用",
    ),
    HoldDecision.CONFIRM: (
        "金额单位填写有误，请更正",
        "与在推需求重复，请在原需求上修订",
        "效益数据与项目不符，请重新测算",
        "企业信息与名单不一致，请核对后重报",
        "资金用途不属于本项目建设，请更正",
        "内容套用模板，请据实填报",
    ),
    HoldDecision.THIS_QUARTER: ("主管部门已说明逾期原因，同意本季受理", "补正及时，同意本季受理"),
    HoldDecision.NEXT_QUARTER: ("逾期推荐，转入下季统一推送",),
}
"""By decision."""
