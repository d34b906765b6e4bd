"""The extract of AWS's managed policies holds what moto's catalogue holds, and a look-up reads one part of it."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from podrole.account import managed_policies
from podrole.account.managed_policies import ManagedPolicies

EXTRACT = resources.files("podrole.account").joinpath("data/aws-managed-policies.zip")
SCRIPT = Path(__file__).parents[2] / "scripts" / "managed_policies.py"
HAS_MOTO = importlib.util.find_spec("moto") is not None


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    models = pytest.importorskip("moto.iam.aws_managed_policies")
    found: dict[str, Any] = json.loads(models.aws_managed_policies_data)
    return found


@pytest.mark.skipif(not HAS_MOTO, reason="moto is not installed")
def test_the_extract_is_what_the_script_makes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("managed_policies_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    made = tmp_path / "made.zip"
    script.main([str(made)])
    assert members(made.read_bytes()) == members(EXTRACT.read_bytes())


def members(archive: bytes) -> dict[str, bytes]:
    opened = zipfile.ZipFile(io.BytesIO(archive))
    return {name: opened.read(name) for name in opened.namelist()}


def test_every_policy_is_as_in_the_catalogue_of_moto(catalogue: dict[str, Any]) -> None:
    policies = {policy.name: policy for policy in ManagedPolicies().all("aws")}
    assert set(policies) == set(catalogue)
    for name, entry in catalogue.items():
        policy = policies[name]
        assert json.loads(policy.document) == entry["Document"], name
        assert (policy.path, policy.version) == (entry["Path"], entry["DefaultVersionId"]), name
        assert policy.arn == f"arn:aws:iam::aws:policy{entry['Path']}{name}"
        assert ManagedPolicies().get(policy.arn) == policy


def test_the_notice_says_where_the_texts_come_from() -> None:
    notice = members(EXTRACT.read_bytes())["NOTICE"].decode()
    assert "moto" in notice
    assert "Apache License 2.0" in notice


def test_a_look_up_reads_the_index_and_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    member = managed_policies._member

    def noted(name: str) -> bytes:
        read.append(name)
        return member(name)

    monkeypatch.setattr(managed_policies, "_member", noted)
    for cached in ("_index", "_document", "_documents"):
        getattr(managed_policies, cached).cache_clear()
    monkeypatch.setattr(managed_policies, "_find", managed_policies._find.__wrapped__)  # without its cache
    policy = ManagedPolicies().get("arn:aws-cn:iam::aws:policy/job-function/ViewOnlyAccess")
    assert policy is not None
    assert read == ["index.json"]
    assert '"Version"' in policy.document
    assert policy.document
    assert read == ["index.json", policy.block]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::aws:policy/Nothing",
        "arn:aws:iam::aws:policy/ViewOnlyAccess",  # its path is missing
        "arn:aws:iam::aws:policy/job-function/AdministratorAccess",  # it has no path
        "arn:aws:iam::111122223333:policy/AdministratorAccess",
        "arn:aws:iam::aws:role/AdministratorAccess",
        "AdministratorAccess",
        "",
    ],
)
def test_no_other_arn_names_one(arn: str) -> None:
    assert ManagedPolicies().get(arn) is None
