"""Officers (审核人员) at the console: they decide what waits for a person, two of them where two are needed.

Each has a login of his own and works on the pages that he is shown: no route and no field is known here but where to
begin. What an officer decides about a need is the same each time (seed, need or number).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field

from include.sandbox.people.pages import Browser, Page, PageRefused

_ONE_BY_ONE, _HOLDS_AT_ONCE = 2, 30
"""Holds that an officer looks at one by one in a day, and that he decides together."""
_UNUSABLE = "DQ01"
"""Without a usable number, revision or quarter nothing can be pushed: whatever shows it is returned."""
_DOUBTFUL = ("DQ37", "DQ42", "DQ43", "G01", "G13")
"""Findings that are mostly true: a need that shows one of them, looked at alone, is returned."""
_RETURNED = 0.3
_CONFIRMED_ALERTS = 0.35
_MOST_ALERTS = 6
_RELEASED = "已与主管部门核实，情况属实，同意核实通过。"
_RETURN = "经与主管部门核实，所列问题属实，请企业更正。"
_NEED = re.compile(r"FN[0-9]{12}")


@dataclass(slots=True)
class Officers:
    """Two officers; `console` is the address of the console's first page, ending in a slash.

    `done` counts what they did, by kind, since they began.
    """

    console: str
    first: Browser
    second: Browser
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    _withdrawn: bool = False
    _extended: bool = False

    def work(self) -> Counter[str]:
        """A morning at the console: everything that waits, of holds as many as a day allows; returns what was done."""
        before = Counter(self.done)
        self.decide_stops()
        self.decide_holds()
        self.settle_alerts()
        self.confirm_withdrawals()
        self.send_again()
        self.extend_a_deadline()
        return self.done - before

    # --- What was held ------------------------------------------------------------------------------------------------

    def decide_holds(self) -> None:
        """Decide late needs together, then the most urgent holds: some on their pages, the others together."""
        self._decide_together("?rule=DQ52", "this_quarter", "迟报本季受理", "主管部门说明了迟报原因，同意本季受理。")
        self._decide_together(f"?rule={_UNUSABLE}", "confirm", "核实退回", _RETURN)
        addresses = self.first.open(f"{self.console}holds").linked(r"holds/[0-9]+(\?.*)?")
        for address in addresses[:_ONE_BY_ONE]:
            self._decide_hold(address)
        self._decide_together("", "confirm", "核实退回", _RETURN, share=_RETURNED)
        self._decide_together("", "release", "核实通过", _RELEASED)
        self._decide_together("?tab=second", "release", "两人核实通过", _RELEASED, officer=self.second)

    def _decide_hold(self, address: str) -> None:
        """Look at the evidence of a hold, and decide it."""
        page = self.first.open(address)
        form = next((one for one in page.forms if one.offers("confirm")), None)
        if form is None:
            return
        findings = form.choices["finding"]
        returned = bool({one.split(" ")[0] for one in findings} & {*_DOUBTFUL, _UNUSABLE})
        button = "confirm" if returned or not form.offers("release") else "release"
        try:
            self.first.send(form, button, finding=findings, reason=_RETURN if button == "confirm" else _RELEASED)
            self.done["核实退回" if button == "confirm" else "核实通过"] += 1
        except PageRefused as refusal:
            if refusal.status >= 500:
                raise
            self.done["无法办理"] += 1  # What cannot be decided says so, and stays for whoever can mend it.

    def _decide_together(
        self, query: str, decision: str, kind: str, reason: str, *, share: float = 1.0, officer: Browser | None = None
    ) -> None:
        """Tick holds of a list (a share of them), look at the preview, and decide them for one reason."""
        officer = officer or self.first
        listed = officer.open(f"{self.console}holds{query}").form("/holds/together")
        ticked = [one for one in listed.choices["hold"] if self._draw(one, "hold") < share] if listed else []
        if listed is None or not ticked or not listed.offers(decision):
            return
        preview = officer.send(listed, decision, hold=ticked[:_HOLDS_AT_ONCE])
        form = next((one for one in preview.forms if one.method == "post" and "hold" in one.fields), None)
        if form is not None:
            officer.send(form, reason=reason)
            self.done[kind] += len(form.fields["hold"])

    def _draw(self, number: str, about: str) -> float:
        return random.Random(f"{self.seed}:{number}:{about}").random()

    # --- Stops, alerts, withdrawals ------------------------------------------------------------------------------------

    def decide_stops(self) -> None:
        """Let the pushes of a stopped department go on, after a call."""
        for form in self.first.open(f"{self.console}stops").all_forms("/stops/[^/]+/[0-9]+"):
            if form.fields.get("seen") == ["open"]:
                self.first.send(form, "continued", reason="已与主管部门核对退回原因，通过的需求可继续推送。")
                self.done["决定暂停地区"] += 1

    def settle_alerts(self) -> None:
        """Clear or confirm the oldest alerts, two persons where two are needed; a confirmed one is followed up."""
        for address in self.first.open(f"{self.console}alerts").linked(r"alerts/[0-9]+(\?.*)?")[:_MOST_ALERTS]:
            page = self.first.open(address)
            form = page.form("/alerts/[0-9]+")
            if form is None:
                continue
            confirmed = self._draw(form.action.rpartition("/")[2], "alert") < _CONFIRMED_ALERTS
            decision = "confirmed" if confirmed else "cleared"
            reason = "已向有关机构核实，情况属实" if decision == "confirmed" else "已核对合同和放款凭证，用途相符"
            self.first.send(form, decision, reason=reason)
            again = self.second.open(address).form("/alerts/[0-9]+")
            if again is not None:
                self.second.send(again, decision, reason=reason)
            self.done["确认警示" if decision == "confirmed" else "排除警示"] += 1
            if decision == "confirmed" and not self._withdrawn:
                self._ask_for_withdrawal(page)

    def _ask_for_withdrawal(self, alert: Page) -> None:
        """Once: on the page of the need that the alert is about."""
        for need in alert.linked("needs/FN[0-9]{12}"):
            form = self.first.open(need).form("/withdrawals")
            if form is not None:
                self.first.send(form, reason_code="false_information", reason="警示核实属实，申请撤回该需求。")
                self._withdrawn = True
                self.done["申请撤回"] += 1
                return

    def confirm_withdrawals(self) -> None:
        """The other officer confirms what the first one asked for."""
        for form in self.second.open(f"{self.console}withdrawals").all_forms("/withdrawals/[0-9]+"):
            self.second.send(form, "confirmed", reason="复核无误，同意撤回。")
            self.done["确认撤回"] += 1

    # --- The outbox, deadlines ---------------------------------------------------------------------------------------

    def send_again(self) -> None:
        """What a receiver refused is sent again, once it says that it would take it."""
        held = self.first.open(f"{self.console}deliveries?channel=market")
        previews = [address for address, _ in held.links if "reruns/preview?delivery_ids=" in address]
        if not previews:
            return
        form = self.first.open(previews[0]).form("/reruns")
        if form is not None:
            self.first.send(form, reason="接收方已开通权限，重新推送。")
            self.done["重新推送"] += 1

    def extend_a_deadline(self) -> None:
        """Once in a quarter an institution asks for more time, and gets some from two persons."""
        if self._extended:
            return
        for need in self._needs_with_cases():
            page = self.first.open(f"{self.console}deadlines?need_id={need}")
            form = next((one for one in page.all_forms("/deadlines") if "working_days" in one.fields), None)
            if form is not None:
                self.first.send(form, working_days="5", reason="机构补充尽调，需延长办理时间。")
                break
        for form in self.second.open(f"{self.console}deadlines").all_forms("/extensions/[0-9]+"):
            self.second.send(form, "approved", reason="情况属实，同意延期。")
            self._extended = True
            self.done["批准延期"] += 1

    def _needs_with_cases(self) -> list[str]:
        pages = (self.first.open(f"{self.console}{name}") for name in ("escalations", "obstructions", "needs"))
        return list(
            dict.fromkeys(need for page in pages for address, _ in page.links for need in _NEED.findall(address))
        )[:12]
