"""The mails of one run: for each mailbox a digest (日报), and an urgent mail (加急) for what cannot wait.

A person may hold several posts with one address: the digest names each post and lists its items, an item of several
posts once.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

from include.domain import escalation as stalls
from include.domain.escalation import BreachKey
from include.domain.routing import Coordinator, Network
from include.domain.states import BreachKind, Channel, DeliveryAction, Level
from include.escalation.breaches import OpenItem
from include.escalation.steps import DueStep
from include.letters import composing
from include.reference import institutions
from include.reference.day import Day
from include.store.outbox import NewDelivery
from include.words.names import case_state, post_label
from include.words.stalls import asked, due_label, rung_label, why
from include.words.states import word

DETAILED = 20
"""Subjects shown in full in one mail."""
LISTED = 180
"""Subjects that follow with one entry each. Beyond, only counts by institution: mail clients cut longer mails."""
STILL_OPEN = 10
"""Number of items listed that were sent before and are still open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestMail:
    """A mail to queue, and whom it notifies of what: pairs of coordinator id and step."""

    urgent: bool
    told: tuple[tuple[str, DueStep], ...]
    delivery: NewDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """Writes the mails of one day. `told_before`: coordinator id → open items told on an earlier day; `coordinators`: all on duty."""

    day: Day
    coordinators: Network
    told_before: Mapping[str, Sequence[OpenItem]]
    console_url: str = ""

    def mails(self, raised: Iterable[DueStep]) -> list[DigestMail]:
        """One mail for each mailbox and urgency."""
        told: defaultdict[tuple[str, bool], list[tuple[Coordinator, DueStep]]] = defaultdict(list)
        told_now: defaultdict[str, set[BreachKey]] = defaultdict(set)
        for one in raised:
            for recipient in one.recipients:
                reader = reader_id(self.coordinators, recipient)
                told_now[reader].add(one.item.key)
                told[reader, one.urgent].append((recipient, one))
        return [
            self._mail(reader, found, told_now[reader], urgent=urgent)
            for (reader, urgent), found in sorted(told.items(), key=lambda entry: entry[0])
        ]

    def _mail(
        self, reader: str, told: Sequence[tuple[Coordinator, DueStep]], told_now: Set[BreachKey], *, urgent: bool
    ) -> DigestMail:
        posts = sorted({recipient.coordinator_id: recipient for recipient, _ in told}.items())
        recipients = [recipient for _, recipient in posts]
        steps = {(one.item.key, one.step): one for _, one in told}.values()
        subjects = self._subjects(steps, recipients)
        still_open = [] if urgent else self._still_open(recipients, told_now)
        shown_open = still_open[:STILL_OPEN]
        body = composing.compose(
            "breaches",
            to=[recipients[0].email],
            subject=_subject_line(subjects, urgent=urgent),
            list_id="escalation",
            today=self.day.today,
            recipient="、".join(post_label(one.authority, one.level, one.region_code) for one in recipients),
            urgent=urgent,
            total=len(subjects),
            detailed=subjects[:DETAILED],
            brief=subjects[DETAILED : DETAILED + LISTED],
            rest=Counter(subject.institution for subject in subjects[DETAILED + LISTED :]).most_common(),
            still_open=shown_open,
            still_open_total=len(still_open),
            any_provisional=any(
                r.provisional for s in (*subjects[: DETAILED + LISTED], *shown_open) for r in s.reasons
            ),
        )
        key = f"urgent:{reader}:{self.day.today}:{_digest_of(steps)}" if urgent else digest_key(reader, self.day.today)
        return DigestMail(
            urgent=urgent,
            told=tuple((recipient.coordinator_id, one) for recipient, one in told),
            delivery=NewDelivery(channel=Channel.MAIL, action=DeliveryAction.MAIL, idempotency_key=key, body=body),
        )

    def _still_open(self, recipients: Sequence[Coordinator], told_now: Set[BreachKey]) -> list[composing.Subject]:
        """Sent to this mailbox before, still open, and not sent again today."""
        before = {
            item.key: item
            for reader in self.coordinators.at_mailbox_of(recipients[0])
            for item in self.told_before.get(reader.coordinator_id, ())
            if item.key not in told_now
        }
        return self._subjects([_told(item) for item in before.values()], recipients)

    def _subjects(self, steps: Iterable[DueStep], recipients: Sequence[Coordinator]) -> list[composing.Subject]:
        grouped: defaultdict[tuple[str, str], list[DueStep]] = defaultdict(list)
        for one in steps:
            grouped[one.item.subject].append(one)
        found = [self._subject(group, recipients) for group in grouped.values()]
        return sorted(found, key=lambda s: (-s.overdue_working_days, not s.is_major, s.need_id, s.institution))

    def _subject(self, steps: Sequence[DueStep], recipients: Sequence[Coordinator]) -> composing.Subject:
        item = steps[0].item
        institution = institutions().get(item.breach.institution_code)
        ordered = sorted(steps, key=lambda one: (-one.item.overdue, one.item.key))
        return composing.Subject(
            need_id=item.need.need_id,
            company=item.need.company,
            institution=institution.name if institution else item.breach.institution_code,
            state=case_state(item.state) if item.state else "",
            is_major=item.need.is_major,
            link=composing.need_link(self.console_url, item.need.need_id),
            reasons=tuple(self._reason(one, recipients) for one in ordered),
        )

    def _reason(self, one: DueStep, recipients: Sequence[Coordinator]) -> composing.Reason:
        breach = one.item.breach
        act_by, climbs_to = self._what_comes_next(one)
        return composing.Reason(
            title=why(breach, one.item.reason_code),
            since=breach.since,
            due_label=due_label(breach),
            due_on=breach.due_on,
            provisional=breach.provisional,
            overdue_working_days=one.item.overdue,
            asked=asked(breach, one.item.reason_code),
            act_by=act_by,
            climbs_to=climbs_to,
            note=_vacancy_note(one, recipients),
        )

    def _what_comes_next(self, one: DueStep) -> tuple[date | None, str]:
        """The day on which the item climbs further, and to whom; before the due day, the due day itself."""
        breach = one.item.breach
        if breach.kind in (BreachKind.OBSTRUCTION, BreachKind.CONFIRMATION):
            return (breach.due_on if breach.due_on > self.day.today else None), ""
        above = stalls.next_rung(one.step, self.day.policy)
        if breach.kind in (BreachKind.ALERT, BreachKind.RETURN) or above is None:
            return None, ""
        climbs_on = stalls.climbs_on(breach.due_on, above, one.item.acknowledged, self.day.calendar, self.day.policy)
        return climbs_on, rung_label(above)


def reader_id(coordinators: Network, recipient: Coordinator) -> str:
    """Who reads the mailbox of `recipient`: of all its posts the first by id, whichever of them is notified."""
    return coordinators.at_mailbox_of(recipient)[0].coordinator_id


def digest_key(reader: str, day: date) -> str:
    """The idempotency key of the only digest of `day` to a mailbox; `reader`: as `reader_id`."""
    return f"digest:{reader}:{day}"


def _told(item: OpenItem) -> DueStep:
    return DueStep(item=item, step=0, mailed=True, urgent=False, assignments=())


def _subject_line(subjects: Sequence[composing.Subject], *, urgent: bool) -> str:
    longest = max(subject.overdue_working_days for subject in subjects)
    overdue = f"，最长逾期{longest}个工作日" if longest else ""
    if urgent:
        return f"加急：{len(subjects)}项融资对接需协调{overdue}"
    return f"融资对接提醒：{len(subjects)}项需协调{overdue}"


def _vacancy_note(one: DueStep, recipients: Sequence[Coordinator]) -> str:
    for assignment in one.assignments:
        if assignment.coordinator in recipients and assignment.vacant:
            return f"{word(Level, assignment.asked_level)}暂无在岗协调人，转由您协调。"
    return ""


def _digest_of(steps: Iterable[DueStep]) -> str:
    """The same steps give the same key, so that a repeated decision cannot send a second mail."""
    told: list[tuple[BreachKey, int]] = sorted((one.item.key, one.step) for one in steps)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
