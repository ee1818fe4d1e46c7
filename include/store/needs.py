"""Needs as they were stored last, in SQL that stages share."""

from __future__ import annotations


def newest_version(need: str) -> str:
    """SQL that joins the newest version of the need that the row `need` names, as `version`."""
    return f"""
        join lateral (
            select enterprise_name, uscc, is_major, city_code, department_code, branch_code, quarter
            from need_version version
            where version.need_id = {need}.need_id order by revision desc limit 1
        ) version on true
    """
