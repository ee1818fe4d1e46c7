"""What a coordinator is answered after an act by a link or in the console (督办反馈)."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.states import CoordinatorAct

RECORDED: Mapping[CoordinatorAct, str] = {
    CoordinatorAct.TAKEN_ON: "已记录受理。",
    CoordinatorAct.CONTACTED: "已记录联系情况。",
    CoordinatorAct.SETTLED: "已记录解决情况；机构反馈新进展后，该事项即不再逾期。",
}
