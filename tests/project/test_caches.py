"""No cache keeps texts of any length that clients send: a few of them could fill the memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
BOUNDED = {
    "podrole.account.managed_policies._document": "names of AWS's managed policies",
    "podrole.account.managed_policies._documents": "blocks of the catalogue",
    "podrole.aws.authenticate._is_unsigned": "an identified operation",
    "podrole.aws.emulator.backends._place": "names of services",
    "podrole.aws.protocol.catalogue.model": "names of services",
    "podrole.aws.protocol.identify._operations": "names of services",
    "podrole.aws.protocol.parameters._operation": "an identified operation",
    "podrole.aws.protocol.parameters._scalar_members": "an identified operation",
    "podrole.aws.protocol.routes.routes_of": "names of services",
    "podrole.aws.protocol.validation._compiled": "patterns of botocore's models",
    "podrole.aws.signature.signed_text.signing_key": "parts of a header, which has a limit, after the key was found",
    "podrole.cluster.publish.discovery._api_resource_list": "groups and versions that are served",
    "podrole.cluster.publish.openapi._document": "groups and versions that are served",
    "podrole.cluster.wire.messages.message": "names of the generated table",
    "podrole.console.application._static": "names of the routes",
    "podrole.iam.actions.arns._names": "names of the reference",
    "podrole.iam.actions.operations._plan": "an identified operation",
    "podrole.iam.actions.reference._service": "prefixes that have a file",
    "podrole.iam.actions.reference._pattern": "templates of the reference",
    "podrole.setup.well_known_policies.well_known_policy": "names of a table",
    "podrole.sts.claim_keys._tenant_claims": "issuers of providers",
    "podrole.webhook.identity.annotations._binding_keys": "prefixes of the settings",
    "podrole.webhook.identity.resolution._web_identity": "values that were read, which have a limit",
}
"""The caches by text without a limit of length of their own, and what their texts are."""


def caches_by_text() -> Iterator[str]:
    for path in SOURCE.rglob("*.py"):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                decorators = " ".join(map(ast.unparse, function.decorator_list))
                parameters = [*function.args.args, *function.args.kwonlyargs]
                annotations = [ast.unparse(parameter.annotation) for parameter in parameters if parameter.annotation]
                if ("functools.cache" in decorators or "lru_cache" in decorators) and "str" in annotations:
                    yield f"{module}.{function.name}"


def test_each_cache_by_text_has_a_limit_of_length_or_texts_of_our_own() -> None:
    assert sorted(caches_by_text()) == sorted(BOUNDED)
