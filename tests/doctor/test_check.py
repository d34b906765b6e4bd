"""``podrole check``: faults in files have code, file and line; edits repair them; sound files have no findings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from podrole.cli.check import as_json, github, run, sarif, text
from podrole.doctor.errors import BadFile
from podrole.doctor.files.check import FileCheck
from podrole.doctor.files.reading import CheckOptions
from support.check import (
    ISSUER,
    KEY,
    PROVIDER,
    ROLE,
    TRUST_FAULTS,
    Object,
    account,
    apply,
    claims,
    codes,
    deployment,
    line_of,
    look,
    plan,
    template,
    trust,
    write,
)

# Sound files


def test_sound_files_have_no_findings(tmp_path: Path) -> None:
    write(tmp_path, app__yaml=[account(), deployment()], web_reader_trust__json=trust())
    found = look(tmp_path)
    assert codes(found) == []
    assert (found.service_accounts, found.roles, found.notes) == (1, 1, ())


def test_service_accounts_without_a_role_and_other_files_have_no_findings(tmp_path: Path) -> None:
    plain = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "plain", "namespace": "shop"}}
    values = {"image": {"tag": "1.2"}, "replicas": 2}
    bucket = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}}
    write(tmp_path, app__yaml=[plain, deployment()], values__yaml=values, bucket__json=bucket)
    assert codes(look(tmp_path)) == []


def test_role_for_ec2_has_no_findings(tmp_path: Path) -> None:
    document = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    write(tmp_path, node_trust__json={"Version": "2012-10-17", "Statement": [document]})
    assert codes(look(tmp_path)) == []


@pytest.mark.parametrize("like", ["system:serviceaccount:shop:*", "system:serviceaccount:shop:we?"])
def test_wildcard_for_one_namespace_is_allowed(tmp_path: Path, like: str) -> None:
    condition = {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}, "StringLike": {f"{ISSUER}:sub": like}}
    write(tmp_path, app__yaml=[account(), deployment()], web_reader_trust__json=trust(condition))
    assert codes(look(tmp_path)) == []


# The kinds of trust policy that AWS's user guides show, in our words.
OTHERS = {
    "the pods of EKS Pod Identity": {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    },
    "a role of another account, for a chain": {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::444455556666:role/web-reader"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "a1b2"}},
    },
    "a workflow on GitHub": {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
            "StringLike": {"token.actions.githubusercontent.com:sub": "repo:example/shop:*"},
        },
    },
    "people, by SAML": {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/people"},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
    },
}


@pytest.mark.parametrize("statement", OTHERS.values(), ids=OTHERS)
def test_roles_that_are_not_for_pods_have_no_findings(tmp_path: Path, statement: Object) -> None:
    write(tmp_path, other_trust__json={"Version": "2012-10-17", "Statement": [statement]})
    assert codes(look(tmp_path)) == []


def test_two_subjects_in_one_condition_are_allowed(tmp_path: Path) -> None:
    both = {**claims(), f"{ISSUER}:sub": ["system:serviceaccount:shop:web", "system:serviceaccount:shop:jobs"]}
    jobs = account("jobs")
    write(tmp_path, app__yaml=[account(), jobs, deployment()], web_reader_trust__json=trust({"StringEquals": both}))
    assert codes(look(tmp_path)) == []


# Faults, their lines, their edits


@pytest.mark.parametrize("code", TRUST_FAULTS)
@pytest.mark.parametrize("kind", ["policy", "template"])
def test_trust_policy_fault_has_line_and_edit(tmp_path: Path, code: str, kind: str) -> None:
    document = trust(TRUST_FAULTS[code])
    write(tmp_path, app__yaml=[account(), deployment()])
    if kind == "policy":
        write(tmp_path, web_reader_trust__json=document)
        path = tmp_path / "web-reader-trust.json"
    else:
        write(tmp_path, stack__yaml=template(document))
        path = tmp_path / "stack.yaml"
    found = look(tmp_path)
    assert set(codes(found)) == {code}
    sources = {"PR606": "aud", "PR617": "namespace", "PR618": "aud", "PR605": "https://"}.get(code, "sub")
    mark = f"https://{ISSUER}:" if sources == "https://" else f"{ISSUER}:{sources}"
    assert (found.findings[0].path, found.findings[0].line) == (path, line_of(path, mark))
    apply(found)
    assert codes(look(tmp_path)) == []


def test_port_in_a_condition_key_is_found(tmp_path: Path) -> None:
    """AWS stores no key with two colons, so only files can have this fault."""
    keys = {name.replace("/", ":443/", 1): value for name, value in claims().items()}
    write(tmp_path, app__yaml=[account(), deployment()], web_reader_trust__json=trust({"StringEquals": keys}))
    found = look(tmp_path)
    assert set(codes(found)) == {"PR605"}
    apply(found)
    assert codes(look(tmp_path)) == []


def test_role_that_is_not_for_pods_is_checked_for_its_grammar(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    write(tmp_path, ec2_trust__json={"Version": "2012-10-17", "Statement": [statement | {"Resource": "*"}]})
    found = look(tmp_path)
    assert codes(found) == ["PR615"]
    assert (found.findings[0].line, found.roles) == (line_of(tmp_path / "ec2-trust.json", "Resource"), 1)


def test_policy_is_checked_as_it_is_written(tmp_path: Path) -> None:
    """A member given twice is lost when a document is read and written again."""
    condition = '{"Bool": {"a": "true"}, "Bool": {"b": "true"}}'
    text_ = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",\n"Condition": ' + condition + "}}"
    write(tmp_path, policy__json=text_)
    found = look(tmp_path)
    assert codes(found) == ["PR706"]
    assert found.findings[0].finding.got == "the member 'Bool' is given twice at $.Statement.Condition.Bool"


TWICE = "Effect: Deny\n  Effect: Allow"
IN_YAML = f"Version: '2012-10-17'\nStatement:\n- {TWICE}\n  Action: s3:GetObject\n  Resource: '*'\n"


def in_a_template(document: str) -> str:
    head = "Resources:\n  Policy:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n"
    return head + "".join(f"        {line}\n" for line in document.splitlines())


TEMPLATE_IN_JSON = (
    '{"Resources": {"Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Version": '
    '"2012-10-17", "Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}}}}}'
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("policy__yaml", IN_YAML),
        ("template__yaml", in_a_template(IN_YAML)),
        ("template__json", TEMPLATE_IN_JSON),
    ],
)
def test_a_member_given_twice_is_a_fault_in_yaml_and_in_templates_too(tmp_path: Path, name: str, content: str) -> None:
    write(tmp_path, **{name: content})
    found = look(tmp_path)
    assert codes(found) == ["PR706"]
    assert found.findings[0].finding.got == "the member 'Effect' is given twice at $.Statement[0].Effect"


def test_policies_of_another_partition_are_found_if_the_region_is_known(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws-cn:s3:::b"}
    write(tmp_path, policy__json={"Version": "2012-10-17", "Statement": statement})
    assert codes(look(tmp_path)) == codes(look(tmp_path, region="cn-north-1")) == []
    assert codes(look(tmp_path, region="eu-west-1")) == ["PR706"]


def test_role_whose_trust_policy_is_not_known_is_not_counted(tmp_path: Path) -> None:
    values = {"name": "later", "path": "/"}
    later = {"type": "aws_iam_role", "address": "aws_iam_role.later", "values": values}
    write(tmp_path, app__yaml=[account(), deployment()], plan__json=plan(trust(), later))
    assert look(tmp_path).roles == 1


def test_terraform_role_is_matched_by_name(tmp_path: Path) -> None:
    write(tmp_path, app__yaml=[account(), deployment()], plan__json=plan(trust(TRUST_FAULTS["PR602"])))
    found = look(tmp_path)
    assert codes(found) == ["PR602"]
    assert found.findings[0].line == line_of(tmp_path / "plan.json", "assume_role_policy")


def test_malformed_terraform_policy_and_provider_without_audience_are_found(tmp_path: Path) -> None:
    policy = {
        "type": "aws_iam_policy",
        "address": "aws_iam_policy.bad",
        "values": {"name": "bad", "policy": '{"a": 1}'},
    }
    values = {"url": ISSUER, "client_id_list": ["vault"]}
    provider = {"type": "aws_iam_openid_connect_provider", "address": "provider", "values": values}
    write(tmp_path, app__yaml=[account(), deployment()], plan__json=plan(trust(), policy, provider))
    assert codes(look(tmp_path)) == ["PR706", "PR502"]


def test_role_without_manifests_is_checked(tmp_path: Path) -> None:
    write(tmp_path, plan__json=plan(trust({})))
    assert codes(look(tmp_path)) == ["PR651"]
    write(tmp_path, plan__json=plan(trust(TRUST_FAULTS["PR605"])))
    assert codes(look(tmp_path)) == ["PR605"] * 2


# Conditions of a trust policy that no manifest belongs to, and the codes of its findings.
ALONE: dict[str, tuple[Object, list[str]]] = {
    "all of a namespace, as AWS's user guide shows it": (
        {
            "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:shop:*"},
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
        },
        [],
    ),
    "names that begin alike": ({"StringLike": claims(sub="system:serviceaccount:shop:web-*")}, []),
    "one unknown character": ({"StringLike": claims(sub="system:serviceaccount:shop:we?")}, []),
    "several namespaces": (
        {"StringLike": claims(sub=["system:serviceaccount:shop:*", "system:serviceaccount:a:*"])},
        [],
    ),
    "any namespace": ({"StringLike": claims(sub="system:serviceaccount:*:web")}, ["PR652"]),
    "any namespace and name": ({"StringLike": claims(sub="system:serviceaccount:*")}, ["PR651"]),
    "everything": ({"StringLike": claims(sub="*")}, ["PR651"]),
    "pattern under StringEquals": ({"StringEquals": claims(sub="system:serviceaccount:shop:*")}, ["PR602"]),
    "pattern without its prefix": ({"StringLike": claims(sub="shop:*")}, ["PR604"]),
    "pattern and a wrong audience": ({"StringLike": claims(sub="system:serviceaccount:shop:*", aud="x")}, ["PR618"]),
    "no condition on sub": ({"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}, ["PR651"]),
    "the provider's ARN as key": ({"StringEquals": {f"{PROVIDER}:sub": "system:serviceaccount:shop:web"}}, ["PR605"]),
}


@pytest.mark.parametrize("case", ALONE)
def test_trust_policy_alone_is_checked_for_what_its_patterns_match(tmp_path: Path, case: str) -> None:
    condition, expected = ALONE[case]
    write(tmp_path, web_reader_trust__json=trust(condition))
    found = look(tmp_path)
    assert codes(found) == expected
    for output in (text, as_json, sarif, github):
        assert "podrole-doctor" not in "".join(output(found)), "a subject that was made up is shown"


def test_cloudformation_short_forms_are_read(tmp_path: Path) -> None:
    body = json.dumps(trust(TRUST_FAULTS["PR604"])).replace("111122223333", "${AWS::AccountId}")
    text_ = yaml.safe_dump(template("DOCUMENT")).replace("DOCUMENT", f"!Sub '{body}'")
    write(tmp_path, stack__yaml=text_, app__yaml=[account(), deployment()])
    assert codes(look(tmp_path)) == ["PR604"]
    joined = yaml.safe_dump(template(trust())).replace(PROVIDER, "!GetAtt Provider.Arn")
    write(tmp_path, stack__yaml=joined)
    assert codes(look(tmp_path)) == []


def test_value_known_only_after_deployment_is_noted(tmp_path: Path) -> None:
    write(tmp_path, stack__yaml=yaml.safe_dump(template("DOCUMENT")).replace("DOCUMENT", "!ImportValue trust"))
    found = look(tmp_path)
    assert codes(found) == []
    assert "known only after deployment" in found.notes[0]
    assert run([tmp_path], CheckOptions(), "text") == 0


MANIFEST_FAULTS = {
    "PR103": ([account(all={"eks.amazonaws.com/rolearn": ROLE}), deployment()], "rolearn"),
    "PR105": ([account(all={KEY: "web-reader"}), deployment()], "role-arn"),
    "PR106": ([account(all={KEY: "arn:aws:iam::111122223333:policy/web-reader"}), deployment()], "role-arn"),
    "PR108": ([account(all={KEY: f"'{ROLE}' "}), deployment()], "role-arn"),
    "PR301": ([account(), deployment(env=[{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}])], "env:"),
    "PR302": ([account(), deployment(env=[{"name": "AWS_PROFILE", "value": "prod"}])], "env:"),
    "PR306": ([account(), deployment(env=[{"name": "AWS_ENDPOINT_URL", "value": "http://localhost"}])], "env:"),
    "PR308": ([account(), deployment(image="amazon/aws-cli:1.16.100")], "image:"),
    "PR210": ([account(), deployment(env=[{"name": "AWS_ROLE_ARN", "value": ROLE}])], "env:"),
}


@pytest.mark.parametrize("code", MANIFEST_FAULTS)
def test_manifest_fault_has_line_and_edit(tmp_path: Path, code: str) -> None:
    documents, mark = MANIFEST_FAULTS[code]
    write(tmp_path, app__yaml=documents, web_reader_trust__json=trust())
    found = look(tmp_path, account="111122223333")
    assert codes(found) == [code]
    assert found.findings[0].line == line_of(tmp_path / "app.yaml", mark)
    apply(found)
    assert codes(look(tmp_path, account="111122223333")) == []


def test_annotation_on_the_pod_template_is_found(tmp_path: Path) -> None:
    made = deployment()
    made["spec"]["template"]["metadata"]["annotations"] = {KEY: ROLE}
    plain = account()
    del plain["metadata"]["annotations"]
    write(tmp_path, app__yaml=[plain, made], web_reader_trust__json=trust())
    found = look(tmp_path)
    assert codes(found) == ["PR104"]
    apply(found)
    assert codes(look(tmp_path)) == []


def test_misspelled_service_account_is_reported_at_the_pod(tmp_path: Path) -> None:
    made = deployment()
    made["spec"]["template"]["spec"]["serviceAccountName"] = "frontent"
    write(tmp_path, app__yaml=[account("frontend"), made])
    found = look(tmp_path)
    assert codes(found) == ["PR101"]
    assert "did you mean frontend" in (found.findings[0].finding.expected or "")


def test_manifests_without_a_namespace_use_the_option(tmp_path: Path) -> None:
    documents = [account(), deployment()]
    for one in documents:
        del one["metadata"]["namespace"]
    write(tmp_path, app__yaml=documents, web_reader_trust__json=trust())
    assert codes(look(tmp_path, namespace="shop")) == []
    assert codes(look(tmp_path, namespace="default")) == ["PR603"]
    found = look(tmp_path)
    assert codes(found) == []
    assert "--namespace" in found.notes[0]
    documents[1]["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "AWS_PROFILE", "value": "prod"}]
    write(tmp_path, app__yaml=documents)
    assert codes(look(tmp_path)) == ["PR302"], "what does not depend on the namespace is checked"
    assert "not-known" not in "".join(text(look(tmp_path)))


def test_items_of_a_list_are_read(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [account(all={"eks.amazonaws.com/rolearn": ROLE})]}
    write(tmp_path, app__json=listed)
    found = look(tmp_path)
    assert codes(found) == ["PR103"]
    assert found.findings[0].line == line_of(tmp_path / "app.json", "rolearn")


def test_two_roles_with_two_issuers_have_no_findings(tmp_path: Path) -> None:
    other = ISSUER[:-4] + "0000"
    second = json.loads(json.dumps(trust()).replace(ISSUER, other).replace("shop:web", "shop:jobs"))
    jobs = account("jobs", all={KEY: "arn:aws:iam::111122223333:role/jobs"})
    write(tmp_path, app__yaml=[account(), jobs], web_reader_trust__json=trust(), jobs_trust__json=second)
    assert codes(look(tmp_path)) == []


# Files that cannot be read


def test_unrendered_chart_is_noted_and_other_files_are_checked(tmp_path: Path) -> None:
    chart = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {{ .Values.name }}-x\n{{- with .Values.a }}\n"
    write(tmp_path, chart__yaml=chart, app__yaml=[account(), deployment()], broken__json='{"a": \n]')
    found = look(tmp_path)
    assert found.service_accounts == 1
    assert any("chart.yaml:4" in note and "helm template" in note for note in found.notes)
    assert any("broken.json:2" in note for note in found.notes)


def test_missing_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadFile):
        look(tmp_path / "nothing.yaml")
    assert run([tmp_path / "nothing.yaml"], CheckOptions(), "text") == 2
    assert "This file does not exist" in capsys.readouterr().err
    assert run([tmp_path], CheckOptions(), "xml") == 2


@pytest.mark.parametrize("content", ["", "---\n", "[]", "- 1\n- 2\n", "kind: [", "a: &a [*a]\n", "\x00", "{" * 5_000])
def test_unusual_content_is_not_an_error(tmp_path: Path, content: str) -> None:
    write(tmp_path, odd__yaml=content, odd__json=content)
    assert codes(look(tmp_path)) == []


@pytest.mark.parametrize("member", ["metadata", "spec", "Resources", "planned_values", "Statement"])
@pytest.mark.parametrize("value", [None, 1, "text", [], [1], {"a": None}])
def test_members_of_wrong_types_are_not_an_error(tmp_path: Path, member: str, value: object) -> None:
    write(tmp_path, odd__json={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, member: value})
    look(tmp_path)


# Formats


@pytest.fixture
def faulty(tmp_path: Path) -> FileCheck:
    write(
        tmp_path,
        app__yaml=[account(), deployment(env=[{"name": "AWS_PROFILE", "value": "a,b: 100%\nc"}])],
        web_reader_trust__json=trust({"StringLike": claims(sub="system:serviceaccount:*:web")}),
        broken__json="{",
    )
    return look(tmp_path)


def test_text_has_file_line_code_and_next_step(faulty: FileCheck) -> None:
    lines = list(text(faulty))
    assert any(line.startswith(f"{faulty.findings[0].path}:{faulty.findings[0].line}: PR302 ") for line in lines)
    assert any("PR652 risk:" in line for line in lines)
    assert lines[-2] == "next: remove the variable (PR302)"
    assert re.fullmatch(r"read more: \S*podrole explain PR302 PR652", lines[-1])


def test_json_has_findings_and_edits(faulty: FileCheck) -> None:
    found = json.loads("".join(as_json(faulty)))
    assert [one["code"] for one in found["findings"]] == ["PR302", "PR652"]
    assert found["findings"][0]["documentation"] == "doctor.html#pr302"
    assert found["findings"][0]["edits"][0]["operations"][0]["op"] == "remove"


def test_sarif_has_rules_levels_and_lines(faulty: FileCheck) -> None:
    log = json.loads("".join(sarif(faulty)))
    assert log["version"] == "2.1.0"
    only = log["runs"][0]
    assert [rule["id"] for rule in only["tool"]["driver"]["rules"]] == ["PR302", "PR652"]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in only["results"]] == [
        ("PR302", 0, "error"),
        ("PR652", 1, "warning"),
    ]
    region = only["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == faulty.findings[0].line
    assert only["invocations"][0]["executionSuccessful"] is False


def test_github_annotations_are_escaped(faulty: FileCheck) -> None:
    first, second, note = github(faulty)
    assert first.startswith("::error file=")
    assert "\n" not in first
    assert "100%25%0Ac" in first
    assert second.startswith("::warning file=")
    assert note.startswith("::warning title=podrole check::")


def test_exit_code_distinguishes_faults_from_unreadable_files(tmp_path: Path) -> None:
    write(tmp_path, app__yaml=[account(), deployment()])
    assert run([tmp_path], CheckOptions(), "text") == 0
    write(tmp_path, broken__json="{")
    assert run([tmp_path], CheckOptions(), "text") == 2
    write(tmp_path, app__yaml=[account(), deployment(env=[{"name": "AWS_PROFILE", "value": "x"}])])
    assert run([tmp_path], CheckOptions(), "github") == 1
