"""For whom each route of the console is, and how its address is made."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.routing import APIRoute
from starlette.routing import Mount

from include.domain.roles import Role
from tests.support import rows

V, OP, A, D, X, C = (
    Role.VIEWER,
    Role.OPERATOR,
    Role.APPROVER,
    Role.AUDITOR,
    Role.ADMINISTRATOR,
    Role.COORDINATOR,
)
FOR: dict[tuple[str, str], set[Role]] = {
    ("GET", "/"): {V},
    ("GET", "/alerts"): {V},
    ("GET", "/audit"): {D},
    ("GET", "/audit/export/{form}"): {D},
    ("GET", "/alerts/preview"): {OP},
    ("GET", "/alerts/{alert_id}"): {V},
    ("POST", "/alerts"): {OP},
    ("POST", "/alerts/{alert_id}"): {OP},
    ("GET", "/approvals"): {V},
    ("GET", "/approvals/{quarter}"): {V},
    ("POST", "/approvals/{quarter}"): {A},
    ("GET", "/circular/{quarter}"): {V},
    ("GET", "/circular/{quarter}/internal/{form}"): {OP, A},
    ("GET", "/circular/{quarter}/{form}"): {V},
    ("POST", "/coordination"): {OP, C},
    ("GET", "/deadlines"): {V},
    ("GET", "/deadlines/export/{form}"): {V},
    ("POST", "/deadlines"): {OP},
    ("POST", "/deadlines/extensions/{extension_id}"): {OP},
    ("GET", "/calendar"): {V},
    ("GET", "/definitions"): {V},
    ("GET", "/deliveries"): {V},
    ("GET", "/deliveries/{delivery_id}"): {V},
    ("GET", "/deliveries/list"): {V},
    ("POST", "/deliveries/channels/{channel}/stop"): {OP},
    ("POST", "/deliveries/channels/{channel}/resume"): {OP},
    ("POST", "/deliveries/close"): {OP},
    ("GET", "/differences"): {V},
    ("GET", "/differences/export/{form}"): {V},
    ("GET", "/escalations"): {V},
    ("POST", "/escalations"): {OP},
    ("GET", "/escalations/export/{form}"): {V},
    ("GET", "/escalations/what-if"): {OP},
    ("POST", "/escalations/what-if"): {OP},
    ("GET", "/grants"): {X},
    ("POST", "/grants"): {X},
    ("GET", "/health"): {V},
    ("GET", "/holds"): {V},
    ("GET", "/holds/together"): {OP},
    ("POST", "/holds/together"): {OP},
    ("GET", "/holds/{quarantine_id}"): {V},
    ("POST", "/holds/{quarantine_id}/{decision}"): {OP},
    ("GET", "/needs"): {V},
    ("GET", "/needs/export/{form}"): {V},
    ("GET", "/needs/{need_id}"): {V},
    ("GET", "/obstructions"): {V},
    ("GET", "/obstructions/export/{form}"): {V},
    ("GET", "/obstructions/{ticket_id}"): {V},
    ("POST", "/obstructions/{ticket_id}"): {OP},
    ("GET", "/quarters"): {V},
    ("GET", "/register"): {V},
    ("POST", "/register/{snapshot_id}"): {OP},
    ("GET", "/rejudgement/{quarter}"): {OP, A},
    ("GET", "/reruns"): {V},
    ("POST", "/reruns"): {OP},
    ("GET", "/reruns/preview"): {OP},
    ("GET", "/reruns/{job_id}"): {V},
    ("POST", "/reruns/{job_id}/cancel"): {OP},
    ("GET", "/roster"): {V},
    ("GET", "/roster/export/{form}"): {V},
    ("GET", "/status"): {V},
    ("GET", "/support-tools"): {V},
    ("GET", "/stops"): {V},
    ("POST", "/stops/{quarter}/{department_code}"): {OP},
    ("GET", "/withdrawals"): {V},
    ("POST", "/withdrawals"): {OP},
    ("POST", "/withdrawals/{request_id}"): {OP, A},
    ("GET", "/unreadable"): {V},
    ("GET", "/unreadable/{set_aside_id}/raw"): {OP},
    ("GET", "/validation/{quarter}"): {V},
    ("GET", "/validation/{quarter}/"): {V},
    ("GET", "/validation/{quarter}/index.html"): {V},
    ("GET", "/validation/{quarter}/dry_run/"): {OP, A},
    ("GET", "/validation/{quarter}/dry_run/{department_code}"): {OP, A},
    ("GET", "/validation/{quarter}/dry_run/{department_code}.html"): {OP, A},
    ("GET", "/validation/{quarter}/{department_code}"): {V},
    ("GET", "/validation/{quarter}/{department_code}.html"): {V},
}
"""For whom each route is: any of these roles, of which operators and approvers are viewers too."""
PARAMETERS = {
    "quarter": rows.QUARTER,
    "department_code": "330000",
    "need_id": rows.need_id(1),
    "decision": "release",
    "form": "csv",
    "channel": "mail",
}


def routes() -> Iterator[tuple[str, str]]:
    """Each method and path of the console, as the app itself has them."""
    from green_finance.console.app import console as app

    for route in app.routes:
        if isinstance(route, Mount) and route.path == "/act":
            continue  # links in mails: tests/plugins/console/test_action_links.py
        assert isinstance(route, APIRoute), f"{route} is beside the console's gate"
        yield from ((method, route.path) for method in sorted(route.methods))


def route_address(path: str) -> str:
    ids = (
        "alert_id",
        "extension_id",
        "delivery_id",
        "quarantine_id",
        "ticket_id",
        "snapshot_id",
        "job_id",
        "set_aside_id",
        "request_id",
    )
    for one in ids:
        path = path.replace("{" + one + "}", "1")
    for name, value in PARAMETERS.items():
        path = path.replace("{" + name + "}", value)
    assert "{" not in path, f"no value for {path}"
    return "/green-finance" + path
