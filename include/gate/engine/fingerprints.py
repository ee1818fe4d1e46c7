"""Fingerprints (指纹): the values by which needs are compared, so that no pairs have to be compared.

Each is a usable value in the form in which the rules of scope history compare it: an index finds equal ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.domain.identifiers import normalise_mobile, skeletons_of_normal
from include.gate.engine.columns import FieldValues, as_texts
from include.gate.engine.form_reader import Filing
from include.gate.engine.record_head import Heads

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

COLUMNS = (
    "quarter",
    "submitted",
    "uscc",
    "project_code",
    "project_name",
    "content",
    "benefit",
    "mobile",
    "saving",
    "carbon",
    "reports",
)
"""The columns of table `need_fingerprint` besides those that name the revision."""

KeyedHash = Callable[[str], str]
"""Keyed hash of personal data and of texts that may contain some, as PersonalDataCipher.fingerprint."""

HashItem = Callable[[Mapping[str, Any]], str]
"""The item_hash of a record, as PersonalDataCipher.item_hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One revision of a need as other needs see it; None if a value is not usable.

    `submitted`: sortable text; `saving`, `carbon`: ten-thousandths; `benefit`: saving, carbon, baseline if all are
    above zero.
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


class Fingerprints(Sequence[Fingerprint]):
    """The fingerprints of a batch, in order; stored by field, because few are ever read as a whole."""

    def __init__(self, of_field: Mapping[str, Sequence[Any]]) -> None:
        self.of_field = of_field

    def __len__(self) -> int:
        return len(self.of_field["need_id"])

    def __getitem__(self, need: Any) -> Any:
        if isinstance(need, slice):
            return Fingerprints({name: values[need] for name, values in self.of_field.items()})
        return Fingerprint(**{name: values[need] for name, values in self.of_field.items()})

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The values of COLUMNS for each."""
        held = {**self.of_field, "reports": map(list, self.of_field["reports"])}
        return zip(*(held[name] for name in COLUMNS), strict=True)


def read_fingerprints(
    records: Sequence[Mapping[str, Any]], filing: Filing, heads: Heads, keyed_hash: KeyedHash
) -> Fingerprints:
    """The fingerprints of a batch; its format rules must have been applied, because they decide what is usable."""
    fields = filing.fields
    name, content, mobile = (fields[path] for path in ("project.name", "project.content", "enterprise.contact.mobile"))
    saving, carbon, baseline = (
        _above_zero(fields[f"benefit.{metric}"])
        for metric in ("energy_saving_tce", "carbon_reduction_tco2", "baseline_energy_tce")
    )
    return Fingerprints(
        {
            "need_id": heads.need_ids,
            "revision": heads.revisions,
            "quarter": heads.quarter.per_need(heads.quarter.distinct),
            "submitted": heads.submitted.sortable(),
            "uscc": fields["enterprise.uscc"].per_need(fields["enterprise.uscc"].distinct),
            "project_code": fields["project.project_code"].per_need(fields["project.project_code"].distinct),
            "project_name": name.per_need(name.of_distinct(skeletons)),
            "content": content.per_need(
                [None if words is None else keyed_hash(words) for words in content.of_distinct(skeletons)]
            ),
            "benefit": [
                f"{first}/{second}/{third}" if first and second and third else None
                for first, second, third in zip(saving, carbon, baseline, strict=True)
            ],
            "mobile": mobile.per_need([_keyed(keyed_hash, number) for number in mobile.distinct]),
            "saving": saving,
            "carbon": carbon,
            "reports": [_reports(given) if (given := record.get("attachments")) else () for record in records],
        }
    )


def skeletons(values: Sequence[Any]) -> Sequence[str | None]:
    """The skeletons of normalised texts, None for other values."""
    texts = as_texts(values)
    found = skeletons_of_normal(texts)
    if texts is values:
        return found
    return [words if type(value) is str else None for value, words in zip(values, found, strict=True)]


def _above_zero(field: FieldValues) -> list[int | None]:
    return field.per_need([scaled if scaled > 0 else None for scaled in np.asarray(field.distinct).tolist()])


def _keyed(keyed_hash: KeyedHash, mobile: Any) -> str | None:
    return keyed_hash(normalise_mobile(mobile)) if type(mobile) is str else None


def _reports(attached: Any) -> tuple[str, ...]:
    """SHA-256 of the third-party reports among the attachments."""
    if not isinstance(attached, list):
        return ()
    return tuple(
        one["sha256"]
        for one in attached
        if isinstance(one, dict) and one.get("kind") == "third_party_report" and isinstance(one.get("sha256"), str)
    )
