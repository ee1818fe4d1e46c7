"""Defects that show only against other needs or against what was filed before under the same number.

Of two equal needs only the later one, by (submitted_at, need_id), is flagged: `after_its_witnesses` sees to that order. The
witnesses stay clean.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from include.domain.identifiers import XPCC
from include.sandbox.scenario.needs import set_energy
from include.sandbox.scenario.plants import Finding, Findings, Need, Plant, Site

_ENERGY = ("energy_saving_tce", "carbon_reduction_tco2", "baseline_energy_tce")
_SAME_WORKS = "生产线工艺装备更新改造工程一期"
DUPLICATE: Finding = ("DQ42", "project.name")
METRICS: tuple[Finding, Finding] = (("G12", "benefit.energy_saving_tce"), ("G12", "benefit.carbon_reduction_tco2"))


def after_its_witnesses(change: Callable[[Site], Findings | None]) -> Plant:
    """`change`, with every witness filed before the need, or in the same second under a smaller number."""

    def plant(site: Site) -> Findings:
        submitted = site.need["submitted_at"]
        for position, witness in enumerate(site.witnesses):
            moment = datetime.fromisoformat(submitted) - timedelta(hours=position)
            if datetime.fromisoformat(witness.need["submitted_at"]) > moment:
                witness.need["submitted_at"] = moment.isoformat(timespec="seconds")
        return change(site) or set()

    return plant


# --- One project twice -----------------------------------------------------------------------------------------------


def same_code(site: Site) -> None:
    """The project code of the witness."""
    site.need["project"]["project_code"] = site.witnesses[0].need["project"]["project_code"]


def same_project_renamed(site: Site) -> Findings:
    """The project of another need of the factory under another name."""
    same_code(site)
    return {DUPLICATE}


def same_project_split(site: Site) -> Findings:
    """One project in two needs, one for each phase."""
    same_code(site)
    name_both(site, "（甲标段）", "（乙标段）")
    return {DUPLICATE}


def same_project_other_spelling(site: Site) -> Findings:
    """The same project code, typed with other dashes, blanks and full-width digits."""
    code = site.witnesses[0].need["project"]["project_code"].replace("-", " — ")
    site.need["project"]["project_code"] = code.translate({ord(str(n)): ord("０") + n for n in range(10)})
    return {DUPLICATE}


def same_project_without_code(site: Site) -> Findings:
    """No project code yet, and a name that is alike in exactly nine parts of ten."""
    names_alike(site, tail=2, length=20)
    return {DUPLICATE}


def same_project_bad_code(site: Site) -> Findings:
    """A malformed project code, and the name of another need of the factory."""
    name_both(site, "", " ")
    site.need["project"]["project_code"] = "2026-工信-0045"
    return {DUPLICATE, ("DQ09", "project.project_code")}


def same_project_elsewhere(site: Site) -> Findings:
    """The same project, filed with the department of another plant of the same company."""
    same_code(site)
    enterprise = site.need["enterprise"]
    registered, province = enterprise["uscc"][2:4], enterprise["province_code"]
    foreign = registered != province[:2] and not (province == XPCC and registered in ("65", "66"))
    return {DUPLICATE} | ({("DQ33", "enterprise.uscc")} if foreign else set())


def name_both(site: Site, first: str, second: str) -> None:
    """One name for the witness and the need, but for what is put behind it."""
    for need, end in ((site.witnesses[0].need, first), (site.need, second)):
        need["project"]["name"] = f"{site.factory.own_name}{_SAME_WORKS}{end}"


def names_alike(site: Site, *, tail: int, length: int) -> None:
    """Names of `length` characters that differ in the last `tail`, and a need whose project has no code yet."""
    stem = (site.factory.own_name + _SAME_WORKS + "主体部分施工")[: length - tail]
    assert len(stem) == length - tail
    site.witnesses[0].need["project"]["name"] = stem + "东南西北"[:tail]
    project = site.need["project"]
    project |= {"name": stem + "春夏秋冬"[:tail], "project_code": None}
    project["permits"]["filing"] = "in_progress"  # a filed project must have its code (DQ47)


def same_project_of_another(site: Site) -> Findings:
    """The project code of another enterprise's need."""
    same_code(site)
    return {("G01", "project.project_code")}


# --- Needs out of one hand -------------------------------------------------------------------------------------------


def share_content(site: Site) -> None:
    """All have one content; punctuation and case do not matter."""
    content = site.witnesses[0].need["project"]["content"]
    for witness in site.witnesses[1:]:
        witness.need["project"]["content"] = content.replace("，", ", ")
    site.need["project"]["content"] = content.replace("；", "。 ")


def share_benefit(site: Site) -> None:
    """All have one saving, reduction and baseline, at one total investment so that nothing else is wrong."""
    first = site.witnesses[0]
    for other in (*site.witnesses[1:], site):
        other.rescale(first.total)
        other.need["benefit"] |= {name: first.need["benefit"][name] for name in _ENERGY}


def share_mobile(site: Site) -> None:
    """All name one mobile number, however it is typed."""
    mobile = site.witnesses[0].need["enterprise"]["contact"]["mobile"]
    for witness in site.witnesses[1:]:
        witness.need["enterprise"]["contact"]["mobile"] = f"0086 {mobile}"
    site.need["enterprise"]["contact"]["mobile"] = f"+86-{mobile[:3]} {mobile[3:7]} {mobile[7:]}"


def farmed(*shares: tuple[Callable[[Site], None], str]) -> Plant:
    """Three enterprises share something: the third one by (submitted_at, need_id) is flagged in each of the fields."""

    def change(site: Site) -> Findings:
        for share, _ in shares:
            share(site)
        return {("G13", field) for _, field in shares}

    return after_its_witnesses(change)


# --- What was filed before under the same number ---------------------------------------------------------------------


def filed_before(site: Site) -> Need:
    """A copy of the need as it was two hours ago, which the platform still lists before the newest content."""
    before = copy.deepcopy(site.need)
    for holder, key in ((before, "updated_at"), (before["review"], "recommended_at")):
        moment = datetime.fromisoformat(holder[key]) - timedelta(hours=2)
        holder[key] = moment.isoformat(timespec="seconds")
    site.seen_before.append(before)
    return before


def changed_in_silence(site: Site) -> Findings:
    """Another content under the same number and revision."""
    filed_before(site)["finance"]["expected_rate_max"] = 5.5
    return {("DQ43", "revision")}


def revise(site: Site, factor: str, metrics: Sequence[str] = _ENERGY) -> Need:
    """Revision 2 with `metrics` at `factor` times those of revision 1, which is returned."""
    site.rescale(Decimal(site.chance.randrange(400_000, 900_000, 4)) / 100)  # keeps every quotient exact
    set_energy(site.need["benefit"], site.total * Decimal("1.25"), Decimal("2.5"), Decimal("0.20"))
    before = filed_before(site)
    site.need["revision"] = site.corrected["revision"] = 2
    for metric in metrics:
        site.need["benefit"][metric] = str(Decimal(before["benefit"][metric]) * Decimal(factor))
    return before


def report(digit: str) -> dict[str, object]:
    """A third party's report as an attachment, with a hash of its own."""
    return {"kind": "third_party_report", "sha256": digit * 64, "size": 245_760}


def benefit_raised(site: Site) -> Findings:
    """Both metrics raised by half with no third party's report."""
    before = revise(site, "1.5")
    for need in (before, site.need):
        need["benefit"]["basis"] = "feasibility_study"
        need["attachments"] = []
    return set(METRICS)


def reduction_raised(site: Site) -> Findings:
    """Only the reduction raised, by just over a fifth, and on the company's old report."""
    before = revise(site, "1.21", ("carbon_reduction_tco2",))
    for need in (before, site.need):
        need["benefit"]["basis"] = "third_party"
        need["attachments"] = [report("a")]
    return {METRICS[1]}


def raised_on_another_basis(site: Site) -> Findings:
    """A new report, but the figures do not rest on it."""
    before = revise(site, "1.5")
    before["attachments"] = [report("a")]
    site.need["attachments"] = [report("a"), report("b")]
    site.need["benefit"]["basis"] = "environmental_assessment"
    return set(METRICS)
