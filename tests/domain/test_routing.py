from __future__ import annotations

import pytest

from include.base.addresses import is_address
from include.domain.routing import Network, Place, Post
from include.domain.states import Authority
from tests.support.coordinators import person

HANGZHOU = Place(city_code="330100", department_code="330000", branch_region="330000")
SHIHEZI = Place(city_code="659001", department_code="660000", branch_region="650000")


def test_the_first_one_on_duty_at_a_post_is_accountable() -> None:
    network = Network(
        [
            person("MIIT", "city", "330100", "absent", on_duty=False),
            person("MIIT", "city", "330100", "first"),
            person("MIIT", "city", "330100", "second"),
        ]
    )
    assignment = network.accountable("MIIT", "city", HANGZHOU)
    assert assignment.coordinator is not None
    assert assignment.coordinator.coordinator_id == "first"
    assert assignment.vacant == ()


def test_a_vacant_post_goes_to_the_next_level_up_and_is_reported() -> None:
    network = Network([person("PBOC", "province", "330000", "province"), person("PBOC", "nation", "000000", "nation")])
    assignment = network.accountable("PBOC", "city", HANGZHOU)
    assert assignment.coordinator is not None
    assert assignment.coordinator.coordinator_id == "province"
    assert assignment.asked_level == "city"
    assert assignment.vacant == (Post("PBOC", "city", "330100"),)


def test_an_authority_never_stands_in_for_the_other() -> None:
    network = Network([person("MIIT", "city", "330100"), person("MIIT", "nation", "000000")])
    assignment = network.accountable("PBOC", "city", HANGZHOU)
    assert assignment.coordinator is None
    assert [post.level for post in assignment.vacant] == ["city", "province", "nation"]


@pytest.mark.parametrize(("authority", "region"), [("MIIT", "660000"), ("PBOC", "650000")])
def test_xpcc_has_its_own_department_and_shares_the_branch_of_xinjiang(authority: Authority, region: str) -> None:
    network = Network(
        [
            person("MIIT", "province", "650000"),
            person("MIIT", "province", "660000"),
            person("PBOC", "province", "650000"),
        ]
    )
    found = network.accountable(authority, "province", SHIHEZI).coordinator
    assert found is not None
    assert found.region_code == region


def test_a_planned_city_goes_to_the_nation_and_never_to_the_province_around_it() -> None:
    shenzhen = Place(city_code="440305", department_code="440300", branch_region="440300")
    network = Network([person("MIIT", "province", "440000"), person("MIIT", "nation", "000000")])
    found = network.accountable("MIIT", "province", shenzhen).coordinator
    assert found is not None
    assert found.level == "nation"


def test_a_need_without_a_city_starts_at_its_province_and_reports_no_vacancy() -> None:
    place = Place(city_code=None, department_code="330000", branch_region="330000")
    assignment = Network([person("MIIT", "province", "330000")]).accountable("MIIT", "city", place)
    assert assignment.coordinator is not None
    assert assignment.vacant == ()


@pytest.mark.parametrize(
    "email", ["", "a", "a@b.cn\r\nBcc: c@d.cn", "a@b.cn\n", "a@b.cn, c@d.cn", "某人 <a@b.cn>", "ａ@b.cn"]
)
def test_a_coordinator_whose_address_is_not_one_plain_address_counts_as_not_on_duty(email: str) -> None:
    assert not is_address(email)
    network = Network([person("MIIT", "city", "330100", "unusable", email=email), person("MIIT", "nation", "000000")])
    found = network.accountable("MIIT", "city", HANGZHOU).coordinator
    assert found is not None
    assert found.level == "nation"
