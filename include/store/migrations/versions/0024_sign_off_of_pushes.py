"""Pushes that wait until approvers have signed them off: what waits, who signed what, and that nobody signs twice"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from include.store.migrations.confined import BY_DEPARTMENT, BY_NEED, confine

revision = "0024"
down_revision = "0023"

_PUSH_UNSIGNED = """
create view push_unsigned with (security_invoker = true) as
select waiting.*, (
           select count(*) from signed_push signed
           where signed.need_id = waiting.need_id and signed.revision = waiting.revision
       ) as signatures
from push_wait waiting
where waiting.persons_required > (
    select count(*) from signed_push signed
    where signed.need_id = waiting.need_id and signed.revision = waiting.revision
)
"""

# As 0022 has it, with one more reason to wait.
_PASSED_NEEDS = """
create or replace function passed_needs(wanted_quarter text)
returns table (
    need_id text, revision integer, department_code text, payload_sha256 text, delivery_id bigint, fate text
) language sql stable as $$
    with judged as (
        select distinct on (own.payload_sha256) own.* from judgement own where own.quarter = wanted_quarter
        order by own.payload_sha256, own.judgement_id desc
    ), hold as (
        select distinct on (own.payload_sha256) own.payload_sha256, held.state
        from judgement own join quarantine held using (judgement_id)
        where own.quarter = wanted_quarter
        order by own.payload_sha256, held.quarantine_id desc
    ), passed as (
        select judged.* from judged left join hold using (payload_sha256)
        where coalesce(hold.state = 'released', judged.verdict = 'passed')
          and not exists (
              select from need_version version
              where version.need_id = judged.need_id and version.revision = judged.revision
                and version.item_hash <> judged.payload_sha256
          )
    )
    select passed.need_id, passed.revision, passed.department_code, passed.payload_sha256, push.delivery_id,
           case
               when push.state = 'delivered' then 'delivered'
               when exists (select from withdrawal_notice notice where notice.need_id = passed.need_id) then 'withdrawn'
               when exists (
                   select from need_version higher
                   where higher.need_id = passed.need_id and higher.revision > passed.revision
               ) then 'newer_revision'
               when push.state in ('pending', 'unknown') then 'queued'
               when push.state in ('held', 'closed') then push.state
               when push.outcome = 'factory_removed' then 'factory_removed'
               when exists (
                   select from quarantine waiting
                   where waiting.need_id = passed.need_id and waiting.revision = passed.revision
                     and waiting.state = 'open'
               ) then 'open_hold'
               when exists (
                   select from need_version version
                   join department_stop stop using (quarter, department_code)
                   where version.need_id = passed.need_id and version.revision = passed.revision
                     and stop.state <> 'continued'
               ) then 'stopped'
               when exists (
                   select from push_unsigned waiting
                   where waiting.need_id = passed.need_id and waiting.revision = passed.revision
               ) then 'unsigned'
           end
    from passed
    left join lateral (
        select sent.delivery_id, sent.state, sent.outcome from delivery sent
        where sent.action = 'push' and sent.need_id = passed.need_id and sent.revision = passed.revision
        order by sent.state = 'superseded', sent.delivery_id desc limit 1
    ) push on true
$$
"""


def upgrade() -> None:
    op.create_table(
        "push_wait",
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("quarter", sa.Text(), nullable=False),
        sa.Column("department_code", sa.Text(), nullable=False),
        sa.Column("is_major", sa.Boolean(), nullable=False),
        sa.Column("persons_required", sa.SmallInteger(), nullable=False, comment="push_approval when it began to wait"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("persons_required in (1, 2)", name=op.f("ck_push_wait_persons_required")),
        sa.PrimaryKeyConstraint("need_id", "revision", name=op.f("pk_push_wait")),
        comment="Needs that passed and were not pushed at once, since approvers sign pushes off (签批)",
    )
    op.create_index(op.f("ix_push_wait_quarter"), "push_wait", ["quarter"])
    op.create_table(
        "push_signature",
        sa.Column("signature_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("quarter", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), sa.Computed("person_key(actor)", persisted=True), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "digest",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the list that was signed: need_id:revision, a line each",
        ),
        sa.Column("needs", sa.Integer(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False, comment="their financing needs, 万元"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("signature_id", name=op.f("pk_push_signature")),
        sa.UniqueConstraint("signature_id", "person", name=op.f("uq_push_signature_signature_id_person")),
        comment="Who signed a list of pushes off, when and why",
    )
    op.create_table(
        "signed_push",
        sa.Column("need_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("signature_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["need_id", "revision"],
            ["push_wait.need_id", "push_wait.revision"],
            name=op.f("fk_signed_push_need_id_revision"),
        ),
        sa.ForeignKeyConstraint(
            ["signature_id", "person"],
            ["push_signature.signature_id", "push_signature.person"],
            name=op.f("fk_signed_push_signature_id_person"),
        ),
        sa.PrimaryKeyConstraint("need_id", "revision", "person", name=op.f("pk_signed_push")),
        comment="What each signature covers; one person signs a revision once",
    )
    op.create_index(op.f("ix_signed_push_signature_id"), "signed_push", ["signature_id"])
    op.execute(_PUSH_UNSIGNED)
    op.execute(_PASSED_NEEDS)
    confine("push_wait", BY_DEPARTMENT)
    confine("signed_push", BY_NEED)
