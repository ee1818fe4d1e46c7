"""Registers the timetables and the operator console with Airflow."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from green_finance.console.app import console
from green_finance.language import ChineseByDefault
from green_finance.timetables import LastWorkingDayTimetable, WorkingDaysTimetable, WorkingHoursTimetable


class GreenFinancePlugin(AirflowPlugin):
    """绿厂融通 inside Airflow."""

    name = "green_finance"
    timetables: list[Any] = [LastWorkingDayTimetable, WorkingDaysTimetable, WorkingHoursTimetable]
    fastapi_apps: list[Any] = [{"app": console, "url_prefix": "/green-finance", "name": "绿厂融通"}]
    fastapi_root_middlewares: list[Any] = [
        {"middleware": ChineseByDefault, "args": [], "kwargs": {}, "name": "中文界面"}
    ]
    external_views: list[Any] = [
        {
            "name": "绿厂融通",
            "href": "/green-finance/",
            "destination": "nav",
            "category": "browse",
            "url_route": "green-finance",
        }
    ]
