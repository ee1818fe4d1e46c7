"""Outcome of a judged payload, in SQL that all stages share: the gate's verdict, or a person's decision on the hold.

The newest quarantine row decides a hold (挂起): released means passed, returned means returned; an open one is held, and
so is one that expired without a decision.
"""

from __future__ import annotations

_DECIDED = """
    select judged.payload_sha256,
           {verdict} as verdict,
           coalesce(hold.settled_at, judged.judged_at) as decided_at
    from (
        select distinct on (payload_sha256) payload_sha256, verdict, judged_at from judgement
        where judged_at <= {moment}
        order by payload_sha256, judgement_id desc
    ) judged
    left join (
        select distinct on (own.payload_sha256) own.payload_sha256,
               case when settled_at <= {moment} then state else 'open' end as state,
               case when settled_at <= {moment} then settled_at end as settled_at
        from quarantine join judgement own using (judgement_id)
        where opened_at <= {moment}
        order by own.payload_sha256, quarantine_id desc
    ) hold using (payload_sha256)
"""


def effective(hold_state: str, verdict: str) -> str:
    """The effective outcome: by the state of the newest hold, else the gate's verdict; both are SQL expressions."""
    return f"""
        case {hold_state}
            when 'released' then 'passed'
            when 'returned' then 'returned'
            when 'open' then 'held'
            when 'expired' then 'held'
            else {verdict}
        end
    """


def outcomes(moment: str = "'infinity'") -> str:
    """A query of (payload_sha256, verdict, decided_at): the outcome of each judged payload at `moment`.

    `moment` is an SQL expression, such as a bound parameter. Join it to need_version.item_hash: the outcome of a
    revision is that of the content stored first, whatever was listed under the same number later (DQ43).
    """
    return _DECIDED.format(moment=moment, verdict=effective("hold.state", "judged.verdict"))


def awaiting_sign_off(need: str) -> str:
    """Whether a push waits for the signatures of approvers; `need`: an alias with need_id and revision."""
    return f"""
        exists (
            select from push_unsigned unsigned
            where unsigned.need_id = {need}.need_id and unsigned.revision = {need}.revision
        )
    """


def stopped(need: str) -> str:
    """Whether the pushes of a need's department wait for a person (B08); `need`: the alias of a need_version."""
    return f"""
        exists (
            select from department_stop stop
            where stop.quarter = {need}.quarter and stop.department_code = {need}.department_code
              and stop.state <> 'continued'
        )
    """


def pushable() -> str:
    """Whether a passed need_version `version` may be pushed, sign-off left aside.

    It is neither purged, withdrawn nor overtaken by a higher revision, none of its findings waits for a person, and its
    department is not stopped (B08).
    """
    return f"""
        version.document <> '{{}}'
          and not exists (select from withdrawal_notice notice where notice.need_id = version.need_id)
          and not exists (
              select from need_version higher
              where higher.need_id = version.need_id and higher.revision > version.revision
          )
          and not exists (
              select from quarantine hold join judgement judged using (judgement_id)
              where hold.need_id = version.need_id and hold.revision = version.revision and hold.state = 'open'
                and judged.payload_sha256 = version.item_hash
          )
          and not {stopped("version")}
    """
