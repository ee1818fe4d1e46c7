"""The whole stack on this machine: PostgreSQL, both sandbox platforms with their mailbox, Airflow's four services."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from include.base.errors import ConfigurationError
from include.domain.quarter import Quarter
from include.local import databases
from include.local.airflow_api import AirflowApi
from include.local.environment import ROOT, Environment, Layout
from include.local.sandbox_client import SandboxClient
from include.local.supervisor import Service, Supervisor
from include.reference.calendar import china_calendar
from include.sandbox.people.resubmission import IN_TIME

# Generous: a busy machine may take several times as long as an idle one.
_READY_S = 180.0

# The quarter that the sandbox holds, and that a demo plays.
QUARTER = Quarter.parse("2026Q3")
NEEDS_AFTER_OTHERS = 500
"""Needs of the demo's quarter where others are played before it; alone it has as many as a country's."""
STOPPED_DEPARTMENT = "360000"
"""The department that files so badly that its pushes stop (B08)."""

Report = Callable[[str], None]


class Stack:
    """Everything that `make demo` and `make up` start. `report` is called with the progress, in Chinese.

    `earlier`: quarters that the sandbox holds beside the demonstration's own.
    """

    def __init__(
        self, environment: Environment, variables: Mapping[str, str], report: Report, *, earlier: int = 0
    ) -> None:
        self.environment = environment
        self._earlier = earlier
        self.supervisor = Supervisor(environment.layout)
        self.api = AirflowApi(environment.airflow_url, "admin", environment.secrets.admin_password)
        self._variables = variables
        self._report = report
        self.started_at = datetime.now(UTC)

    @property
    def password(self) -> str:
        """The password of Airflow's user admin."""
        return self.environment.secrets.admin_password

    @staticmethod
    def stop_all(layout: Layout) -> list[str]:
        """Stop every service of `layout`, whoever started it; returns their names."""
        return Supervisor(layout).stop()

    def services(self) -> list[Service]:
        """Everything but PostgreSQL."""
        return [sandbox_service(self.environment, self._earlier), *airflow_services(self.environment)]

    def clear_leftovers(self) -> None:
        """Stop what an earlier, perhaps killed, stack left running."""
        left = self.supervisor.stop()
        if left:
            self._report(f"已清理上次留下的服务：{'、'.join(left)}。")

    def start_databases(self) -> None:
        """Start PostgreSQL and migrate both databases to their newest schema."""
        self._report("启动数据库……")
        databases.prepare(self.environment, self._variables)

    def start_services(self) -> None:
        """Start the sandbox and Airflow, and wait until every part is healthy and all DAGs are parsed.

        Raises ConfigurationError or ServiceDied, saying what failed and where to look.
        """
        environment = self.environment
        environment.write_airflow_files()
        self.started_at = datetime.now(UTC)
        self._report("启动沙箱平台和 Airflow……")
        self.supervisor.start(self.services(), self._variables)
        self._wait_for_airflow()
        self._wait_for_sandbox()

    def start_sandbox(self) -> None:
        """Start the sandbox alone, unless it runs already."""
        if "sandbox" not in self.supervisor.running():
            self._report("启动沙箱平台……")
            self.forget_lost_sandbox()
            self.supervisor.start([sandbox_service(self.environment, self._earlier)], self._variables)
            self._wait_for_sandbox()

    def forget_lost_sandbox(self) -> None:
        """Before a sandbox starts anew: empty the business database of what the previous one knew."""
        if databases.forget_lost_sandbox(self.environment):
            self._report("沙箱重新启动，数据从头开始：业务数据库中上一次沙箱的数据已清空。")

    def health(self) -> dict[str, bool]:
        """Component → whether it is healthy."""
        return self.api.health(self.started_at)

    def _wait_for_airflow(self) -> None:
        began = time.monotonic()
        self.supervisor.wait(
            "Airflow 网页服务", lambda: self.health()["元数据库"], timeout_s=_READY_S, log="api-server"
        )
        # Takes seconds, and only the first task needs it.
        warming = threading.Thread(target=self.api.warm_up, daemon=True)
        warming.start()
        self.api.log_in()
        self.supervisor.wait("Airflow", lambda: all(self.health().values()), timeout_s=_READY_S, log="scheduler")
        self.supervisor.wait("DAG", self._dags_are_read, timeout_s=_READY_S, log="dag-processor")
        warming.join(timeout=60)
        self._report(f"Airflow 已就绪（{time.monotonic() - began:.0f} 秒）。")

    def _wait_for_sandbox(self) -> None:
        answers = SandboxClient(self.environment).answers
        self.supervisor.wait("沙箱平台", answers, timeout_s=_READY_S, log="sandbox")

    def _dags_are_read(self) -> bool:
        if self._missing_dags():
            self._refuse_import_errors()
            return False
        return True

    def _missing_dags(self) -> set[str]:
        # One file holds one DAG of the same name.
        return {path.stem for path in (ROOT / "dags").glob("*.py")} - self.api.parsed_since(self.started_at)

    def _refuse_import_errors(self) -> None:
        errors = self.api.import_errors()
        if errors and time.time() - self.started_at.timestamp() > 30:
            raise ConfigurationError(
                "有 DAG 文件无法载入：" + "；".join(f"{Path(file).name}：{why}" for file, why in errors.items()),
                "请修正这些文件后重新运行。",
            )


def airflow_services(environment: Environment) -> list[Service]:
    """Airflow's four services. Task logs are read from disk, so that no log server is opened."""
    port = {"GFF_PORT_AIRFLOW": environment.ports.airflow}

    def service(name: str, title: str, *arguments: str, ports: Mapping[str, int] | None = None) -> Service:
        return Service(name, title, (sys.executable, "-m", "airflow", name, *arguments), ports or {})

    return [
        service("api-server", "Airflow 网页服务", ports=port),
        service("scheduler", "Airflow 调度器", "--skip-serve-logs"),
        service("dag-processor", "Airflow DAG 处理器"),
        service("triggerer", "Airflow 触发器", "--skip-serve-logs"),
    ]


def sandbox_service(environment: Environment, earlier: int = 0) -> Service:
    """Both platforms and the mailbox, in one process, just after the cut-off of the demo's quarter."""
    history = ("--earlier", str(earlier), "--needs", str(NEEDS_AFTER_OTHERS)) if earlier else ()
    ports = environment.ports
    command = (
        *(sys.executable, "-m", "include.sandbox", "--mail-dir", str(environment.layout.mail)),
        *("--quarter", str(QUARTER), "--now", china_calendar().deadline(QUARTER).isoformat()),
        *("--lived", "--resubmit-share", str(IN_TIME), "--stopped-department", STOPPED_DEPARTMENT),
        *history,
        *("--green-port", str(ports.green), "--market-port", str(ports.market)),
        *("--mailbox-port", str(ports.mailbox), "--smtp-port", str(ports.smtp)),
    )
    return Service(
        "sandbox",
        "沙箱平台",
        command,
        {
            "GFF_PORT_GREEN": ports.green,
            "GFF_PORT_MARKET": ports.market,
            "GFF_PORT_MAILBOX": ports.mailbox,
            "GFF_PORT_SMTP": ports.smtp,
        },
        environment.sandbox(),
    )
