"""Assets (数据资产) by which one DAG signals the next that a quarter has come so far; the partition is the quarter."""

from __future__ import annotations

from airflow.sdk import Asset

needs_judged = Asset(name="needs_judged", uri="green-finance://needs-judged", group="green-finance")
quarter_settled = Asset(name="quarter_settled", uri="green-finance://quarter-settled", group="green-finance")
