"""Failures of several departments in one task, in one sentence that names them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from include.base.errors import PlatformUnavailable, UserFacingError
from include.reference import department_short_name

log = logging.getLogger(__name__)


class DepartmentsFailed(UserFacingError):
    """Some departments failed, for a reason that a person has to remove; the others are done."""


class DepartmentsFailedForNow(DepartmentsFailed, PlatformUnavailable):
    """Some departments failed, and another attempt may help some of them; the others are done."""


def raise_failures(doing: str, failures: Mapping[str, BaseException]) -> None:
    """Raise DepartmentsFailed if there are any `failures` (by department); `doing` says in Chinese what failed.

    A failure that is not a UserFacingError is a defect of the program or a passing fault: its traceback goes to the
    log.
    """
    if not failures:
        return
    names: dict[str, list[str]] = {}
    next_steps: list[str] = []
    for code, failure in failures.items():
        if isinstance(failure, UserFacingError):
            what, next_step = failure.what, failure.next_step
        else:
            log.error("%s %s", doing, code, exc_info=failure)
            what, next_step = (
                f"程序出错（{type(failure).__name__}），详见日志。",
                "请重试；仍然失败的，请联系开发人员。",
            )
        names.setdefault(what, []).append(department_short_name(code))
        next_steps.append(next_step)
    told = "".join(f"{'、'.join(departments)}：{what}" for what, departments in names.items())
    user_facing = all(isinstance(one, UserFacingError) for one in failures.values())
    passing = not user_facing or any(isinstance(one, PlatformUnavailable) for one in failures.values())
    raise (DepartmentsFailedForNow if passing else DepartmentsFailed)(
        f"{len(failures)} 个地区{doing}失败，其余地区已完成。{told}", "".join(dict.fromkeys(next_steps))
    ) from next(iter(failures.values()))
