"""The rules of scope register, written from sections 4 and 5 of the handbook: the register as of the recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from include.register.in_use import RegisterRow
from tests.gate.engine.handbook.need import Finding, Need
from tests.gate.engine.handbook.texts import add_years, name_key, normalise_id


def active(row: RegisterRow, day: date) -> bool:
    return row.listed_on <= day and (row.removed_on is None or day < row.removed_on)


def register_findings(
    need: Need, register: Sequence[RegisterRow], false_information: Mapping[str, Sequence[date]]
) -> Iterator[Finding]:
    """Findings of scope register; `false_information`: the local days on which needs of a code were withdrawn for it."""
    given = need.text("enterprise.uscc")
    if given is None:
        return
    code = normalise_id(given)
    rows = [row for row in register if row.uscc == code]
    in_force = [row for row in rows if active(row, need.rd)]
    if not in_force:
        yield "DQ40", "enterprise.uscc"
    else:
        name, batch = need.text("enterprise.name"), need.text("enterprise.factory_batch")
        level, department = need.text("enterprise.factory_level"), need.text("department_code")
        if name is not None and name_key(name) not in {
            name_key(known) for row in in_force for known in (row.name, *row.aliases)
        }:
            yield "DQ41", "enterprise.name"
        if level is not None and level not in {row.level for row in in_force}:
            yield "DQ54", "enterprise.factory_level"
        if department is not None and department not in {row.department_code for row in in_force}:
            yield "DQ55", "department_code"
        if batch is not None and name_key(batch) not in {name_key(row.batch) for row in in_force}:
            yield "DQ56", "enterprise.factory_batch"
    since = add_years(need.rd, -need.policy.integer("lookback_years"))
    removed = any(row.removed_on is not None and since < row.removed_on <= need.rd for row in rows)
    lied = any(since < day <= need.rd for day in false_information.get(code, ()))
    if (in_force and removed) or lied:
        yield "G14", "enterprise.uscc"
