"""Starts the DAG that empties the outbox, from within Airflow's API server."""

from __future__ import annotations

import logging

from airflow.api.common.trigger_dag import trigger_dag
from airflow.models import DagModel
from airflow.sdk.exceptions import AirflowException
from airflow.utils.types import DagRunTriggeredByType

_DAG = "deliver"

log = logging.getLogger(__name__)


def start_sending(actor: str) -> str:
    """Start the DAG that empties the outbox; returns the result in Chinese.

    The DAG's next run sends what is in the outbox anyway, so a failure to start it now does not fail the act.
    """
    try:
        trigger_dag(_DAG, triggered_by=DagRunTriggeredByType.REST_API, triggering_user_name=actor, conf={})
        dag = DagModel.get_current(_DAG)
    except AirflowException as error:
        log.warning("%s was not started: %s", _DAG, error)
        return f"未能立即启动 {_DAG}，将由其下一次运行送出。"
    if dag is not None and dag.is_paused:
        return f"{_DAG} 处于暂停状态，请在 Airflow 中启用后送出。"
    return f"已启动 {_DAG} 送出。"
