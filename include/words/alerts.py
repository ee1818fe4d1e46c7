"""What alerts rest on, in words that are stored with them, and what ought to hold instead."""

from __future__ import annotations

from collections.abc import Mapping

from include.domain.states import AlertState, WithdrawalReason

SUMS: Mapping[str, str] = {
    "G02a": "签约合计 {contracted} 万元，融资需求 {financing_need} 万元",
    "G02b": "授信合计 {approved} 万元，项目外部资金需要 {external_funds} 万元",
    "G18": "放款合计 {drawn} 万元，项目总投资 {total} 万元",
}
"""What an alert on the sums of a need rests on, by rule; in 万元 to the cent whatever the size, for a ground is the same only if
its amounts are."""

SUMMED: Mapping[str, str] = {"approved": "授信", "contracted": "签约", "drawn": "放款"}
"""The sums of a case."""

EVENT = "反馈 "
"""Before the number of the event that an alert on a case rests on."""

WITHDRAWABLE: Mapping[str, str] = {
    "DQ42": WithdrawalReason.DUPLICATE_PROJECT,
    "G01": WithdrawalReason.DUPLICATE_PROJECT,
    "G18": WithdrawalReason.FALSE_INFORMATION,
}
"""Rules whose confirmed alert leads to the offer of a withdrawal, with the reason that is proposed."""

LIMITS: Mapping[str, str] = {
    "G02a": "各机构签约合计不超过融资需求",
    "G02b": "各机构授信合计不超过总投资减自有资金",
    "G18": "各机构放款合计不超过项目总投资",
    "G03a": "放款累计不超过该机构签约金额",
    "G03b": "签约、放款累计不超过该机构授信金额",
    "G03c": "先有签约反馈，再有放款反馈",
    "G04": "机构认定条目的一级分类与企业填报一致",
    "G08b": "授信、签约、放款当日企业在绿色工厂名单内",
    "G08c": "企业在当前绿色工厂名单内",
    "G09a": "资金用于所填项目建设",
    "G09b": "放款反馈写明资金用途",
    "G16": "放款后每满一个季度有贷后反馈",
    "G17": "绿色标识有目录依据，且不用于不予支持的反馈",
    "DQ41": "填报名称与当前绿色工厂名单（含曾用名）一致",
}
"""What ought to hold, by rule; rules judged at the gate tell it themselves."""

REASONS: Mapping[str, tuple[str, ...]] = {
    AlertState.CLEARED: (
        "已向有关机构核实，反馈填写有误，已由机构更正",
        "已核对合同和放款凭证，情况属实、用途相符",
        "已向主管部门核实，确为不同项目",
        "已核对登记信息，企业名称变更属实",
    ),
    AlertState.CONFIRMED: (
        "已向有关机构核实，情况属实",
        "已向主管部门核实，确为同一项目重复申报",
        "已向主管部门核实，填报信息不实",
        "已请人民银行分行督促机构整改",
    ),
}
"""Reasons to pick from; another may be written instead."""

KEPT_OUT = "相关对接 {cases} 家次（签约 {contracted}、放款 {drawn}）继续不计入信息通报，确认数列入通报警示统计。"
FREED = "{cases} 家次对接（签约 {contracted}、放款 {drawn}）恢复计入信息通报。"
HELD_OTHERWISE = "{cases} 家次对接另有其他警示，仍不计入信息通报。"
NOT_COUNTED = "相关对接目前没有签约或放款，对通报金额没有影响。"
ONLY_A_NOTE = "“提示”类警示不影响通报金额。"
"""What a decision does to the money of the cases."""
