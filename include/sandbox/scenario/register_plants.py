"""Defects that show only against the register of green factories: the plant changes the need, the register, or both."""

from __future__ import annotations

from datetime import date, timedelta

from include.reference import departments
from include.sandbox.scenario.plants import Findings, Plant, Site, change
from include.sandbox.scenario.register import other_batch, unlisted_uscc


def not_listed(site: Site) -> Findings:
    """A sound credit code that the register does not have."""
    site.need["enterprise"]["uscc"] = unlisted_uscc(site.chance, site.factory)
    return {("DQ40", "enterprise.uscc")}


def removed(days: int) -> Plant:
    """A factory removed from the register so many days before the recommendation; 0: on that very day."""

    def plant(site: Site) -> Findings:
        site.factory.row["removed_on"] = str(site.recommended_on - timedelta(days=days))
        return {("DQ40", "enterprise.uscc")}

    return plant


def listed_a_day_late(site: Site) -> Findings:
    """A factory listed on the day after the recommendation."""
    site.factory.row["listed_on"] = str(site.recommended_on + timedelta(days=1))
    return {("DQ40", "enterprise.uscc")}


def another_name(site: Site) -> Findings:
    """A name that the factory never had."""
    enterprise = site.need["enterprise"]
    enterprise["name"] = enterprise["name"].replace("有限", "控股有限", 1)
    return {("DQ41", "enterprise.name")}


def renamed_unknown(site: Site) -> Findings:
    """The register has the factory under a later name, without its former one."""
    site.factory.row |= {"name": site.factory.row["name"].replace("有限", "科技有限", 1), "aliases": []}
    return {("DQ41", "enterprise.name")}


def level_lowered(site: Site) -> Findings:
    """A national factory files as a municipal one."""
    return change("DQ54", "enterprise.factory_level", "municipal")(site) | {("DQ57", "enterprise.factory_level")}


def level_raised(site: Site) -> Findings:
    """A provincial factory files as a national one."""
    site.factory.row["level"] = site.corrected["enterprise"]["factory_level"] = "provincial"
    return {("DQ54", "enterprise.factory_level")}


def another_department(site: Site) -> Findings:
    """The register has the factory under another department."""
    own = site.factory.row["department_code"]
    site.factory.row["department_code"] = site.chance.choice([code for code in departments() if code != own])
    return {("DQ55", "department_code")}


def another_batch(site: Site) -> Findings:
    """A batch that is not the factory's."""
    batch = other_batch(site.chance, site.factory.row["batch"])
    return change("DQ56", "enterprise.factory_batch", batch)(site)


def listed_again(days_inside: int) -> Plant:
    """A factory removed and listed again; the removal so many days inside the three years before the recommendation."""

    def plant(site: Site) -> Findings:
        list_again(site, three_years_before(site.recommended_on) + timedelta(days=days_inside))
        return {("G14", "enterprise.uscc")}

    return plant


def removed_and_listed_on_the_day(site: Site) -> Findings:
    """The former listing ends, and the new one begins, on the day of the recommendation."""
    list_again(site, site.recommended_on)
    return {("G14", "enterprise.uscc")}


def list_again(site: Site, removed_on: date) -> None:
    """Give the factory a former listing that ended on `removed_on`; the present one begins that day."""
    row = site.factory.row
    former = dict(row) | {"listed_on": str(removed_on - timedelta(days=700)), "removed_on": str(removed_on)}
    site.factory.other_rows.append(former)
    row["listed_on"] = str(removed_on)


def three_years_before(day: date) -> date:
    """The same month and day three years earlier; 29 February becomes 28."""
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 3, day=28 if leap_day else day.day)
