"""The subject line of a digest: where, how much is new, how much there is in all, and the longest delay."""

from __future__ import annotations

from collections.abc import Iterable

from include.letters.digest_contents import DigestContents, Line, ReaderPost
from include.words.names import region_name

_REGIONS_NAMED = 2


def open_lines(contents: DigestContents) -> list[Line]:
    """Everything that is open for this reader, each item once, in the order of the mail."""
    every = (
        *(one.line for one in contents.obstructions),
        *contents.majors,
        *contents.alerts,
        *contents.newly_overdue,
        *contents.still_open,
    )
    return list({(line.need_id, line.institution_code): line for line in reversed(every)}.values())[::-1]


def subject_line(contents: DigestContents) -> str:
    """E.g. 江苏：新增6项、累计120项（最长逾期44个工作日），梗阻1项、重大2项."""
    lines = open_lines(contents)
    kinds = [
        (len({(one.line.need_id, one.reason_code) for one in contents.obstructions}), "梗阻"),
        (len(contents.majors), "重大"),
        (len(contents.alerts), "警示"),
    ]
    counted = "、".join(f"{name}{number}项" for number, name in kinds if number)
    new = len(contents.newly_overdue)
    told = [f"新增{new}项"] if new else []
    told += [f"累计{len(lines)}项"] if len(lines) > new and contents.still_open else []
    longest = max((line.overdue_working_days for line in lines), default=0)
    late = f"（最长逾期{longest}个工作日）" if longest else ""
    where = "加急：" + _regions(contents.posts) if contents.urgent else _regions(contents.posts) + "："
    if not told:
        return where + (f"{counted}{late}" if counted else _otherwise(contents))
    return f"{where}{'、'.join(told)}{late}" + (f"，{counted}" if counted else "")


def _otherwise(contents: DigestContents) -> str:
    """Where nothing is open."""
    if contents.settled:
        return f"办结{len(contents.settled)}项"
    if contents.late_departments:
        return f"{len(contents.late_departments)}个部门报送情况"
    return "每周逾期情况" if contents.weekly_table is not None else "岗位空缺，由您代办"


def _regions(posts: Iterable[ReaderPost]) -> str:
    names = list(dict.fromkeys(region_name(region) for _, _, region in posts))
    more = f"等{len(names)}地" if len(names) > _REGIONS_NAMED else ""
    return "、".join(names[:_REGIONS_NAMED]) + more
