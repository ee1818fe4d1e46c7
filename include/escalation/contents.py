"""What one mail tells (日报内容): the ladder's choice as `letters.digest` writes it down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from include.action_links.maker import LinkMaker
from include.action_links.tokens import LinkSubject
from include.base.addresses import mailbox
from include.base.business_time import SHANGHAI
from include.domain.ladder import LADDER_KINDS
from include.domain.routing import Coordinator
from include.domain.states import Authority, BreachKind, Level, LinkKind
from include.escalation.breaches import OpenItem, StepKey
from include.escalation.look import Look
from include.escalation.selection import Mail
from include.escalation.settled import SettledItem
from include.escalation.steps import IN_FULL, Telling, assigned, rungs
from include.letters.composing import need_link
from include.letters.digest_contents import DigestContents, Line, Obstruction, ReaderPost, Settled, WeeklyCell
from include.reference.day import Day
from include.words.stalls import asked, why

_LINKS: Mapping[BreachKind, LinkKind] = {
    BreachKind.LIMIT: LinkKind.CASE,
    BreachKind.UNCLAIMED: LinkKind.NEED,
    BreachKind.OBSTRUCTION: LinkKind.OBSTRUCTION,
    BreachKind.CONFIRMATION: LinkKind.OBSTRUCTION,
    BreachKind.ALERT: LinkKind.ALERT,
}
"""What a coordinator can act on without a login. A return waits for the enterprise, a hold for an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForNation:
    """What the nation alone is told: departments that are late (code and state in words), and the week's table."""

    late_departments: tuple[tuple[str, str], ...] = ()
    weekly_table: tuple[WeeklyCell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Makes the contents of one day's mails. `actors`: who took things on, in words, by actor id."""

    day: Day
    found: Look
    links: LinkMaker
    actors: Mapping[str, str]
    nation: ForNation = field(default_factory=ForNation)
    _of: Mapping[str, Mapping[StepKey, tuple[OpenItem, Coordinator]]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_of", _by_reader(self.found, self.day))

    def of(
        self,
        mail: Mail,
        mail_key: str,
        *,
        settled: Sequence[SettledItem] = (),
        last_digest: datetime | None = None,
    ) -> DigestContents:
        """The contents of one mail. `settled`: what ended since `last_digest`, of which this reader was told."""
        readers = self.found.coordinators.at_mailbox(mail.mailbox)
        now = _told_now(mail)
        open_here = {} if mail.urgent else self._of.get(mail.mailbox, {})
        everything = {**open_here, **now}

        def line(key: StepKey) -> Line:
            return self._line(*everything[key], mail_key)

        in_full = [key for key in everything if _in_full(everything[key][0])]
        others = [key for key in now if not _in_full(now[key][0])]
        alerts = [key for key in others if now[key][0].breach.kind is BreachKind.ALERT]
        newly = [key for key in others if key not in alerts]
        shown = {*in_full, *others}
        room = self.day.policy.integer("digest_lines") - sum(not now[key][0].need.is_major for key in others)
        at_nation = not mail.urgent and any(one.level == Level.NATION for one in readers)
        return DigestContents(
            posts=tuple(_post(one) for one in readers),
            today=self.day.today,
            urgent=mail.urgent,
            obstructions=tuple(
                self._obstruction(everything[key][0], line(key))
                for key in _ordered(in_full, everything)
                if everything[key][0].breach.kind in IN_FULL
            ),
            majors=tuple(
                line(key) for key in _ordered(in_full, everything) if everything[key][0].breach.kind not in IN_FULL
            ),
            newly_overdue=tuple(line(key) for key in newly),
            still_open=tuple(line(key) for key in _ordered(open_here, everything) if key not in shown),
            waiting=len({one.item.key for one in mail.waiting}),
            settled=tuple(self._settled(one) for one in settled[: max(room, 0)]),
            alerts=tuple(line(key) for key in alerts),
            vacancies=_vacancies(mail.told),
            late_departments=self.nation.late_departments
            if at_nation and any(one.authority == Authority.MIIT for one in readers)
            else (),
            weekly_table=self.nation.weekly_table if at_nation and first_of_week(last_digest, self.day) else None,
        )

    def _line(self, item: OpenItem, reader: Coordinator, mail_key: str) -> Line:
        breach, need = item.breach, item.need
        return Line(
            need_id=need.need_id,
            company=need.company,
            project=need.project,
            amount=need.amount,
            department_code=need.place.department_code,
            city_code=need.place.city_code or "",
            institution_code=breach.institution_code,
            state=item.state,
            what=why(breach, item.reason_code),
            since=breach.since,
            due_on=breach.due_on,
            provisional=breach.provisional,
            overdue_working_days=item.overdue,
            is_major=need.is_major,
            acknowledged_by=self.actors.get(item.taken_on.actor_id, "") if item.taken_on else "",
            link=need_link(self.links.console_url, need.need_id),
            action_link=self._action_link(item, reader, mail_key),
            rule_id=breach.rule_id,
        )

    def _action_link(self, item: OpenItem, reader: Coordinator, mail_key: str) -> str:
        """The address under which this reader, and nobody else, acts on the item without a login."""
        kind = _LINKS.get(item.breach.kind)
        if kind is None:
            return ""
        subject = LinkSubject(
            kind=kind,
            need_id=item.breach.need_id,
            institution_code=item.breach.institution_code,
            obstruction_id=item.obstruction_id,
        )
        return self.links.action_link(reader.coordinator_id, subject, idempotency_key=mail_key, day=self.day)

    def _obstruction(self, item: OpenItem, line: Line) -> Obstruction:
        unconfirmed = item.breach.kind is BreachKind.CONFIRMATION
        return Obstruction(
            line=line,
            obstruction_id=item.obstruction_id,
            reason_code=item.reason_code or "",
            level=item.level or Level.PROVINCE,
            answer_by=None if unconfirmed else item.breach.due_on,
            asked=asked(item.reason_code),
            unconfirmed=unconfirmed,
        )

    def _settled(self, one: SettledItem) -> Settled:
        return Settled(
            line=Line(
                need_id=one.need_id,
                company=one.company,
                project=one.project,
                amount=one.amount,
                department_code=one.department_code,
                city_code=one.city_code,
                institution_code=one.institution_code,
                state=one.state,
                what=one.was,
                since=one.due_on,
                due_on=one.due_on,
                provisional=False,
                overdue_working_days=0,
                is_major=one.is_major,
                acknowledged_by="",
                link=need_link(self.links.console_url, one.need_id),
                action_link="",
            ),
            by=self._by(one),
            what=one.what,
            on=one.on,
        )

    def _by(self, one: SettledItem) -> str:
        """Who brought it about, and which coordinator had acted before."""
        by, acted = (self.actors.get(actor, actor) for actor in (one.by, one.acted_by))
        return "，".join(part for part in (f"经{acted}协调" if acted and acted != by else "", by) if part)


def first_of_week(last_digest: datetime | None, day: Day) -> bool:
    """Whether the digest before was sent in another week."""
    return last_digest is None or _week(last_digest.astimezone(SHANGHAI).date()) != _week(day.today)


def _week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def _in_full(item: OpenItem) -> bool:
    """Whether it is named in every digest while it is open: obstructions, and major needs that stall."""
    return item.breach.kind in IN_FULL or (item.need.is_major and item.breach.kind in LADDER_KINDS)


def _by_reader(found: Look, day: Day) -> dict[str, dict[StepKey, tuple[OpenItem, Coordinator]]]:
    """What was told of each open item, by the address of who holds that post today."""
    of: defaultdict[str, dict[StepKey, tuple[OpenItem, Coordinator]]] = defaultdict(dict)
    for item in found.items:
        steps = found.told.get(item.key)
        if not steps:
            continue
        by_step = {rung.step: rung for rung in rungs(item, day.policy)}
        for step, authorities in steps.items():
            for authority in authorities:
                if step not in by_step or (item.key, step, authority) not in found.named:
                    continue
                reader = assigned(item, by_step[step], authority, found.coordinators).coordinator
                if reader is not None:
                    of[mailbox(reader.email)].setdefault(item.key, (item, reader))
    return dict(of)


def _told_now(mail: Mail) -> dict[StepKey, tuple[OpenItem, Coordinator]]:
    """In the order of the choice; to several posts of one address: for the first."""
    of: dict[StepKey, tuple[OpenItem, Coordinator]] = {}
    for one in mail.told:
        if one.assignment.coordinator is not None:
            of.setdefault(one.item.key, (one.item, one.assignment.coordinator))
    return of


def _ordered(keys: Iterable[StepKey], items: Mapping[StepKey, tuple[OpenItem, Coordinator]]) -> list[StepKey]:
    return sorted(keys, key=lambda key: (-items[key][0].overdue, items[key][0].breach.due_on, key))


def _post(one: Coordinator) -> ReaderPost:
    return (one.authority, one.level, one.region_code)


def _vacancies(told: Iterable[Telling]) -> tuple[ReaderPost, ...]:
    vacant = {post for one in told for post in one.assignment.vacant}
    return tuple((post.authority, post.level, post.region_code) for post in sorted(vacant))
