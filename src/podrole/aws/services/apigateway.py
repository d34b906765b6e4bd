"""What is special about API Gateway: the policy of a REST API is not judged, in whichever way it comes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies.html
"""

from __future__ import annotations

from podrole.aws.interfaces import Facts
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.services.rules import ServiceRules, unjudged

_PATCHING = frozenset({"UpdateDomainName", "UpdateRestApi"})
_IMPORTING = frozenset({"ImportRestApi", "PutRestApi"})
_EXTENSION = b"x-amazon-apigateway-policy"


def _require_no_policy(call: IdentifiedCall, _: Facts) -> None:
    call_input = parameters(call)
    if call.operation in _PATCHING and any(
        str(patch.get("path", "")).lower().startswith(("/policy", "/managementpolicy"))
        for patch in call_input.get("patchOperations") or ()
    ):
        raise unjudged(call)
    if call.operation in _IMPORTING and _EXTENSION in call.http.body.lower():
        raise unjudged(call)


RULES = ServiceRules(
    "apigateway",
    before=_require_no_policy,
    not_judged={"CreateDomainName": ("policy",), "CreateRestApi": ("policy",)},
)
