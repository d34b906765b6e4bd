"""``podrole check`` on files of Terraform, CloudFormation, eksctl, ACK and Crossplane, and on files of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podrole.cli.check import run
from podrole.doctor.files.reading import CheckOptions
from support.check import (
    ISSUER,
    KEY,
    ROLE,
    TRUST_FAULTS,
    Object,
    account,
    codes,
    deployment,
    line_of,
    look,
    plan,
    template,
    trust,
    write,
)

WRONG = TRUST_FAULTS["PR604"]


def in_terraform(annotation: str = ROLE, kind: str = "kubernetes_service_account_v1") -> Object:
    metadata = [{"name": "web", "namespace": "shop", "annotations": {KEY: annotation}}]
    return {"type": kind, "address": f"{kind}.web", "values": {"metadata": metadata}}


def role_in_terraform(document: Object) -> Object:
    values = {"name": "web-reader", "path": "/", "assume_role_policy": json.dumps(document)}
    return {"type": "aws_iam_role", "address": "aws_iam_role.web", "values": values}


def state_file(*resources: Object) -> Object:
    """Return a Terraform state as it is stored."""
    kept = [
        {"mode": "managed", "type": one["type"], "name": "a", "instances": [{"attributes": one["values"]}]}
        for one in resources
    ]
    return {"version": 4, "terraform_version": "1.9.0", "resources": kept}


def parametrized() -> Object:
    """Return a template whose trust policy is faulty by its parameters."""
    made = template(trust())
    made["Parameters"] = {
        "Issuer": {"Type": "String", "Default": ISSUER},
        "Account": {"Type": "String"},
        "Subjects": {"Type": "CommaDelimitedList", "Default": "shop:other,shop:web"},
    }
    arn = {"Fn::Sub": "arn:aws:iam::${Account}:oidc-provider/${Issuer}"}
    subject = {"Fn::Select": [1, {"Ref": "Subjects"}]}
    issuer = {"Fn::Select": [0, {"Fn::Split": ["?", f"{ISSUER}?x"]}]}
    made["Resources"]["Provider"]["Properties"]["Url"] = {"Fn::Join": ["", ["https://", issuer]]}
    condition = {"StringEquals": {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": "sts.amazonaws.com"}}
    made["Resources"]["Web"]["Properties"]["AssumeRolePolicyDocument"] = trust(condition, Principal={"Federated": arn})
    return made


def eksctl(*service_accounts: Object, **iam: Any) -> Object:
    listed = {"serviceAccounts": list(service_accounts), **iam}
    return {"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig", "metadata": {"name": "a"}, "iam": listed}


def custom(group: str, kind: str, spec: Object) -> Object:
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "web-reader"}, "spec": spec}


FAULTY, SOUND = json.dumps(trust(WRONG)), json.dumps(trust())
# Files that hold a role, a policy or a service account with a fault, and the code of the fault.
TOOLS: dict[str, tuple[Object, str]] = {
    "plan": (plan(trust(WRONG)), "PR604"),
    "state as JSON": (
        {"terraform_version": "1", "values": {"root_module": {"resources": [role_in_terraform(trust(WRONG))]}}},
        "PR604",
    ),
    "state file": (state_file(role_in_terraform(trust(WRONG))), "PR604"),
    "service account of a plan": (plan(trust(), in_terraform("web-reader")), "PR105"),
    "service account of a state": (state_file(in_terraform("web-reader", "kubernetes_service_account")), "PR105"),
    "manifest of a plan": (
        plan(trust(), {"type": "kubernetes_manifest", "values": {"manifest": account(all={KEY: "web-reader"})}}),
        "PR105",
    ),
    "parameters of a template": (parametrized(), "PR604"),
    "eksctl": (
        eksctl({"metadata": {"name": "web", "namespace": "shop"}, "attachRoleARN": "web-reader"}, {"metadata": {}}),
        "PR105",
    ),
    "policy of eksctl": (
        eksctl({"metadata": {"name": "web"}, "attachPolicy": {"Statement": {"Effect": "A"}}}),
        "PR706",
    ),
    "ACK": (
        custom("iam.services.k8s.aws", "Role", {"name": "web-reader", "assumeRolePolicyDocument": FAULTY}),
        "PR604",
    ),
    "inline policy of ACK": (
        custom("iam.services.k8s.aws", "Role", {"assumeRolePolicyDocument": SOUND, "inlinePolicies": {"a": "{}"}}),
        "PR706",
    ),
    "Crossplane, Upbound": (
        custom("iam.aws.upbound.io", "Role", {"forProvider": {"assumeRolePolicy": FAULTY}}),
        "PR604",
    ),
    "Crossplane, community": (
        custom("iam.aws.crossplane.io", "Role", {"forProvider": {"assumeRolePolicyDocument": FAULTY}}),
        "PR604",
    ),
    "policy of Crossplane": (custom("iam.aws.upbound.io", "Policy", {"forProvider": {"policy": "{}"}}), "PR706"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_files_of_other_tools_are_read(tmp_path: Path, tool: str) -> None:
    content, code = TOOLS[tool]
    write(tmp_path, file__json=content)
    found = look(tmp_path, account="111122223333", parameters={"Account": "111122223333"})
    assert set(codes(found)) == {code}
    if "template" not in tool:
        assert not [edit for one in found.findings for edit in one.edits], "a program wrote the file"


def test_parameter_without_a_value_leaves_the_trust_policy_unknown(tmp_path: Path) -> None:
    write(tmp_path, stack__json=parametrized())
    found = look(tmp_path)
    assert codes(found) == []
    assert "known only after deployment" in found.notes[0]


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    association = {"type": "aws_eks_pod_identity_association", "address": "aws_eks_pod_identity_association.web"}
    chart = {"type": "helm_release", "address": "helm_release.web", "values": {}}
    write(
        tmp_path,
        plan__json=plan(trust(), {**association, "values": {}}, chart),
        cluster__yaml=eksctl(podIdentityAssociations=[{}]),
    )
    notes = " ".join(look(tmp_path).notes)
    for name in ("aws_eks_pod_identity_association.web", "helm_release.web", "podIdentityAssociations"):
        assert name in notes


@pytest.mark.parametrize("action", ["*", ["s3:GetObject", "*"]])
def test_policy_that_allows_everything_is_a_risk(tmp_path: Path, action: str | list[str]) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    write(tmp_path, admin__json={"Version": "2012-10-17", "Statement": [statement]}, app__yaml=[account()])
    found = look(tmp_path)
    assert codes(found) == ["PR707"]
    assert found.findings[0].line == line_of(tmp_path / "admin.json", "Action")
    assert run([tmp_path], CheckOptions(), "text") == 0
    assert run([tmp_path], CheckOptions(), "text", strict=True) == 1


@pytest.mark.parametrize("elements", [{"Effect": "Deny", "Action": "*"}, {"Effect": "Allow", "NotAction": "iam:*"}])
def test_policy_that_does_not_allow_everything_is_sound(tmp_path: Path, elements: Object) -> None:
    write(tmp_path, policy__json={"Version": "2012-10-17", "Statement": [{**elements, "Resource": "*"}]})
    assert codes(look(tmp_path)) == []


# Files, and the exit codes of podrole check and of podrole check --hook.
INPUTS: dict[str, tuple[dict[str, Any], int, int]] = {
    "an empty folder": ({}, 2, 0),
    "an empty file": ({"empty__yaml": ""}, 2, 0),
    "values of a chart": ({"values__yaml": {"replicas": 2}}, 2, 0),
    "a broken file of others": ({"tsconfig__json": "// comment\n{}", "app__yaml": [account()]}, 2, 0),
    "a broken manifest": ({"app__yaml": "kind: ServiceAccount\nmetadata: [\n"}, 2, 2),
    "a template of a chart": ({"sa__yaml": "kind: ServiceAccount\n{{- if .Values.a }}\n"}, 2, 2),
    "a broken policy": ({"trust__json": '{"Action": "sts:AssumeRoleWithWebIdentity"'}, 2, 2),
    "a sound manifest": ({"app__yaml": [account(), deployment()]}, 0, 0),
    "a faulty manifest": ({"app__yaml": [account(all={KEY: "web"})]}, 1, 1),
}


@pytest.mark.parametrize("case", INPUTS)
def test_exit_code_says_whether_something_was_checked(tmp_path: Path, case: str) -> None:
    files, code, hook = INPUTS[case]
    write(tmp_path, **files)
    assert run([tmp_path], CheckOptions(), "text") == code
    assert run([tmp_path], CheckOptions(hook=True), "text") == hook
