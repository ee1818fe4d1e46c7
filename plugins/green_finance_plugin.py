"""Registers the timetables and the operator console with Airflow."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

from green_finance.console.app import console
from green_finance.console.doorway import PREFIX, WithoutSlash
from green_finance.language import ChineseByDefault
from green_finance.timetables import LastWorkingDayTimetable, WorkingDaysTimetable, WorkingHoursTimetable


def _leaf(color: str) -> str:
    """A leaf as a picture that needs no request."""
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<path fill="{color}" d="M21 3C10 3 4 8 4 15c0 1 .1 1.9.4 2.8C6 13 9.5 10 15 8c-4.5 3-8 6.5-10 13h2c.4-1.3.8-2.5'
        ' 1.3-3.5C16 19 21 13 21 3z"/></svg>'
    )
    return f"data:image/svg+xml,{quote(drawn)}"


class GreenFinancePlugin(AirflowPlugin):
    """绿厂融通 inside Airflow."""

    name = "green_finance"
    timetables: list[Any] = [LastWorkingDayTimetable, WorkingDaysTimetable, WorkingHoursTimetable]
    fastapi_apps: list[Any] = [{"app": console, "url_prefix": PREFIX, "name": "绿厂融通"}]
    fastapi_root_middlewares: list[Any] = [
        {"middleware": ChineseByDefault, "args": [], "kwargs": {}, "name": "中文界面"},
        {"middleware": WithoutSlash, "args": [], "kwargs": {}, "name": "操作台地址"},
    ]
    external_views: list[Any] = [
        {
            "name": "绿厂融通",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "nav_top_level": True,
            "icon": _leaf("#1f7a4d"),
            "icon_dark_mode": _leaf("#6fcf9d"),
            "url_route": "green-finance",
        }
    ]
