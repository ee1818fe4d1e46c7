"""Fingerprints (指纹): what a need is compared by with all others, so that no pairs have to be compared.

Each is a usable value in the form in which the rules of scope history compare it: equal ones are found by an index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.domain.identifiers import normalise_mobile, skeleton_of_normal
from include.gate.columns import FieldValues
from include.gate.heads import Heads, Moment
from include.gate.reading import Filing

COMPARED_FIELDS = frozenset(
    {
        "enterprise.uscc",
        "enterprise.contact.mobile",
        "project.project_code",
        "project.name",
        "project.content",
        "benefit.energy_saving_tce",
        "benefit.carbon_reduction_tco2",
        "benefit.baseline_energy_tce",
    }
)
"""The fields of the form that a fingerprint is made of."""

KeyedHash = Callable[[str], str]
"""Hash of personal data, as PersonalDataCipher.fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One revision of a need as others see it; None where a value is not usable.

    `submitted`: sortable text; `saving`, `carbon`: ten-thousandths; `benefit`: saving, carbon, baseline where all are above zero.
    """

    need_id: str | None
    revision: int | None
    quarter: str | None
    submitted: str | None
    uscc: str | None
    project_code: str | None
    project_name: str | None
    content: str | None
    benefit: str | None
    mobile: str | None
    saving: int | None
    carbon: int | None
    reports: tuple[str, ...]


def read_fingerprints(
    records: Sequence[Mapping[str, Any]], filing: Filing, heads: Heads, keyed_hash: KeyedHash
) -> list[Fingerprint]:
    """The fingerprints of a batch, in order; its format rules must have been applied, since they say what is usable."""
    fields = filing.fields
    sound = {head.path: (head.codes == 1).tolist() for head in heads.faults}
    saving, carbon, baseline = (
        _usable_values(fields[f"benefit.{name}"], _above_zero)
        for name in ("energy_saving_tce", "carbon_reduction_tco2", "baseline_energy_tce")
    )
    columns = zip(
        (record.get("need_id") if good else None for record, good in zip(records, sound["need_id"], strict=True)),
        (record.get("revision") if good else None for record, good in zip(records, sound["revision"], strict=True)),
        heads.quarter,
        map(_sortable, heads.submitted),
        _usable_values(fields["enterprise.uscc"]),
        _usable_values(fields["project.project_code"]),
        _usable_values(fields["project.name"], skeleton_of_normal),
        _usable_values(fields["project.content"], _content_hash),
        (
            f"{first}/{second}/{third}" if first and second and third else None
            for first, second, third in zip(saving, carbon, baseline, strict=True)
        ),
        _usable_values(fields["enterprise.contact.mobile"], lambda mobile: keyed_hash(normalise_mobile(mobile))),
        saving,
        carbon,
        map(_reports, records),
        strict=True,
    )
    return [
        Fingerprint(
            need_id=need_id,
            revision=revision,
            quarter=quarter,
            submitted=submitted,
            uscc=uscc,
            project_code=code,
            project_name=name,
            content=content,
            benefit=benefit,
            mobile=mobile,
            saving=saved,
            carbon=reduced,
            reports=reports,
        )
        for (
            need_id,
            revision,
            quarter,
            submitted,
            uscc,
            code,
            name,
            content,
            benefit,
            mobile,
            saved,
            reduced,
            reports,
        ) in columns
    ]


def _usable_values(field: FieldValues, function: Callable[[Any], Any] | None = None) -> list[Any]:
    """`function` of the field of each need (of one value a need), None where it is not usable."""
    table = np.empty(len(field.distinct) + 1, dtype=object)
    for at, (value, faulty) in enumerate(zip(field.distinct, field.malformed.tolist(), strict=True)):
        table[at] = None if faulty else function(value) if function else value
    found: list[Any] = table[np.where(field.usable, field.codes, len(field.distinct))].tolist()
    return found


def _above_zero(scaled: int) -> int | None:
    return scaled if scaled > 0 else None


def _sortable(when: Moment | None) -> str | None:
    return None if when is None else f"{when[0]:015d}.{when[1]}"


def _content_hash(text: str) -> str:
    return hashlib.sha256(skeleton_of_normal(text).encode("utf-8", "replace")).hexdigest()


def _reports(record: Mapping[str, Any]) -> tuple[str, ...]:
    """SHA-256 of the third-party reports among the attachments."""
    attached = record.get("attachments")
    if not isinstance(attached, list):
        return ()
    return tuple(
        one["sha256"]
        for one in attached
        if isinstance(one, dict) and one.get("kind") == "third_party_report" and isinstance(one.get("sha256"), str)
    )
