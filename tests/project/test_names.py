"""Names and words that a reader would stumble over."""

from __future__ import annotations

import ast
import collections
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

SHARED = {
    "AccessKey": "IAM's word: what a decision must know of a key, and CloudFormation's resource",
    "Account": "an AWS account: the doctor's seam, and the emulator's",
    "Call": "an authorized AWS call, and a Kubernetes API call",
    "Cluster": "Kubernetes' word: the embedded server, the doctor's seam, and EKS's in the exchange of Pod Identity",
    "Container": "Kubernetes' word: what the node runs, and what the webhook patches",
    "Delete": "a change of a record of the account, and of an object of the cluster",
    "Document": "IAM's word, and the OpenAPI documents of the Kubernetes API",
    "Facts": "what a decision must know: of one request, and the seam that finds it out",
    "Fault": "what is wrong with a signature, and what is wrong with a policy document",
    "Granted": "the outcome of an exchange; each exchange grants something else",
    "Handlers": "HTTP's, and the lifecycle handlers of a container",
    "Identity": "the user of an EKS cluster, and the webhook's",
    "InstanceProfile": "IAM's word: CloudFormation's resource, and what EC2 is told",
    "ManagedPolicy": "AWS's own, and CloudFormation's resource",
    "OIDCProvider": "IAM's word: what a decision must know, and CloudFormation's resource",
    "Origin": "where a policy was read, and what the first start of a world decided",
    "Pod": "Kubernetes' word: what the webhook reads, what the node runs, what EKS knows",
    "PolicyHolder": "IAM's holders of inline policies, and resources of other services with a policy",
    "Request": "IAM's question, and a Kubernetes request",
    "Resource": "IAM's word, and Kubernetes' word",
    "Role": "IAM's word: what a decision must know, and CloudFormation's resource",
    "Service": "an AWS service: its API, and its actions",
    "User": "IAM's word, and Kubernetes'",
    "World": "what runs the parts in one process, and what a test has of it",
}
"""Class names that two specifications use for different things, with the reason."""


def public_classes() -> dict[str, list[str]]:
    found = collections.defaultdict(list)
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(ROOT / "src" / "podrole")))
    return found


def test_a_public_class_name_means_one_thing() -> None:
    assert {name: paths for name, paths in public_classes().items() if len(paths) > 1 and name not in SHARED} == {}


def test_no_shared_name_is_listed_in_vain() -> None:
    classes = public_classes()
    assert [name for name in SHARED if len(classes[name]) < 2] == []


WORDS = re.compile(
    r"\b(ailments?|anew|caretakers?|clinics?|meddlers?|personality|suppositions?|whoever|whence|lest|"
    r"for lack of|could not be had)\b",
    re.IGNORECASE,
)
"""Metaphors and words that stop a reader; CONTRIBUTING.md asks for plain English."""


@pytest.mark.parametrize("folder", ["src", "docs", "tests", "scripts", "benchmarks", "charts", "examples"])
def test_no_page_and_no_source_uses_words_that_stop_a_reader(folder: str) -> None:
    hits = []
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in (".py", ".md", ".yaml", ".tpl") and path != Path(__file__):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if WORDS.search(line):
                    hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert hits == []
