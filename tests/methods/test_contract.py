"""Every registered method keeps the contract of bench.contributing.contract."""

import pytest

from bench import registry
from bench.contributing.contract import check_method


@pytest.mark.parametrize("name", registry.methods())
def test_method_keeps_the_contract(name):
    checks = check_method(registry.method(name))
    assert [check for check in checks if check.problem] == []
    assert {check.point.split(":")[0] for check in checks} == {"T1w", "T1w and T2w"}


def test_every_method_of_this_repository_can_be_imported():
    assert [one for one in registry.discover()[1] if one.source.startswith("methods.")] == []
