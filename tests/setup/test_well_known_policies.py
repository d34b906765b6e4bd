"""The policies behind eksctl's names: complete, dated, and such as AWS stores in every partition."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from podrole.account.managed_policies import ManagedPolicies
from podrole.base.partitions import PARTITIONS
from podrole.iam.limits import Owner, check_inline
from podrole.iam.storing import StoredAs, check_storable
from podrole.setup.errors import InvalidSetup
from podrole.setup.well_known_policies import (
    WELL_KNOWN_NAMES,
    find_well_known_policies,
    well_known_of_inline,
    well_known_policy,
)

FILES = resources.files("podrole.setup").joinpath("well_known")


def test_every_name_of_eksctl_has_a_file_and_every_file_a_name() -> None:
    assert {Path(file.name).stem for file in FILES.iterdir()} == set(WELL_KNOWN_NAMES)
    assert len(WELL_KNOWN_NAMES) == 7


@pytest.mark.parametrize("name", WELL_KNOWN_NAMES)
def test_a_file_says_where_and_when_its_policy_was_read(name: str) -> None:
    policy = well_known_policy(name)
    assert policy.source.startswith("https://")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", policy.date)
    assert policy.managed_names or policy.document is not None
    assert set(json.loads(FILES.joinpath(f"{name}.json").read_text())) <= {"date", "source", "managed", "inline"}


@pytest.mark.parametrize("partition", sorted(PARTITIONS))
@pytest.mark.parametrize("name", WELL_KNOWN_NAMES)
def test_aws_stores_the_document_in_every_partition(name: str, partition: str) -> None:
    policy = well_known_policy(name)
    for inline_name, text in policy.inline(partition).items():
        check_storable(text, StoredAs.INLINE, partition)
        assert "${" not in text
        assert well_known_of_inline(inline_name) == name
    catalogue = ManagedPolicies()
    for arn in policy.managed(partition):
        assert catalogue.get(arn) is not None
        assert arn.startswith(f"arn:{partition}:iam::aws:policy/")


@pytest.mark.parametrize("partition", sorted(PARTITIONS))
def test_a_role_may_have_all_of_them(partition: str) -> None:
    texts = [text for name in WELL_KNOWN_NAMES for text in well_known_policy(name).inline(partition).values()]
    check_inline(texts, Owner.ROLE, "all")


def test_names_are_found_in_any_case_and_once() -> None:
    found = find_well_known_policies(["CERTMANAGER", "autoScaler", "certManager"])
    assert [policy.name for policy in found] == ["certManager", "autoScaler"]


@pytest.mark.parametrize(("name", "likely"), [("autoScalar", "write autoScaler"), ("x", None)])
def test_an_unknown_name_is_refused(name: str, likely: str | None) -> None:
    with pytest.raises(InvalidSetup) as refused:
        find_well_known_policies(["certManager", name])
    assert name in refused.value.what
    assert refused.value.next_step == likely
    assert refused.value.expected is not None
    assert "efsCSIController" in refused.value.expected


@pytest.mark.parametrize("name", ["autoScaler", "podrole-attached", "podrole-x", "other"])
def test_other_inline_policies_are_not_well_known(name: str) -> None:
    assert well_known_of_inline(name) is None


def test_the_wheel_holds_the_files() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(Path(__file__).parents[2]))
    held = {file.distribution_path for file in wheel.recurse_included_files()}
    assert {f"podrole/setup/well_known/{name}.json" for name in WELL_KNOWN_NAMES} <= held
