"""What temporary credentials may not call, whatever their policies say.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html:

===================== ============== ==========================================
credentials of         IAM            STS
===================== ============== ==========================================
AssumeRole…            all            all but GetSessionToken, GetFederationToken
GetSessionToken        none (no MFA)  AssumeRole and GetCallerIdentity
GetFederationToken     none           GetCallerIdentity
===================== ============== ==========================================
"""

from __future__ import annotations

from podrole.sts.denial import Denial, Step
from podrole.sts.session import Session, SessionKind

_NO_SESSIONS = frozenset({"GetSessionToken", "GetFederationToken"})
_STS_ALLOWED = {
    SessionKind.SESSION_TOKEN: frozenset({"AssumeRole", "GetCallerIdentity"}),
    SessionKind.FEDERATED_USER: frozenset({"GetCallerIdentity"}),
}


def session_denial(service: str, operation: str, session: Session | None) -> Denial | None:
    """Return why a call cannot be made with ``session``, None where it can or no session is used."""
    if session is None or service not in ("iam", "sts"):
        return None
    if service == "iam":
        if session.kind is SessionKind.ASSUMED_ROLE:
            return None
        # AWS's own words: it does not say that the token is good elsewhere.
        return Denial(
            "InvalidClientTokenId",
            403,
            "The security token included in the request is invalid",
            Step.CALLER,
            "IAM cannot be called with these temporary credentials.",
            got=f"credentials of {_OPERATIONS[session.kind]}",
            expected="a user's own access key, or a role's session",
        )
    allowed = _STS_ALLOWED.get(session.kind)
    if operation in _NO_SESSIONS or (allowed is not None and operation not in allowed):
        return Denial(
            "AccessDenied",
            403,
            f"Cannot call {operation} with session credentials",
            Step.CALLER,
            f"{operation} cannot be called with these temporary credentials.",
            got=f"credentials of {_OPERATIONS[session.kind]}",
            expected="a user's own access key",
        )
    return None


_OPERATIONS = {
    SessionKind.ASSUMED_ROLE: "a role",
    SessionKind.SESSION_TOKEN: "GetSessionToken",
    SessionKind.FEDERATED_USER: "GetFederationToken",
}
