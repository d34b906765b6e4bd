"""What STS says to one token, in the doctor's codes."""

from __future__ import annotations

from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding
from podrole.oidc.errors import TokenFault
from podrole.sts.denial import Denial, Step

_NEW = ByHand("kubectl create token NAME --audience sts.amazonaws.com")


def refused_token(denial: Denial, url: str) -> Finding:
    """Return the finding for a token that STS's verification refuses for a provider with this URL."""
    code, remedy = _code(denial)
    return Finding(
        code,
        f"STS refuses the token: {'Another issuer issued it.' if denial.step is Step.PROVIDER else denial.why}",
        About("Token", "", "the token"),
        remedy,
        expected=repr(url) if denial.step is Step.PROVIDER else denial.expected,
        got=denial.got,
        evidence={"step": denial.step.value, "sts": f"{denial.code}: {denial.message}"},
    )


def _code(denial: Denial) -> tuple[str, Remedy]:
    match denial.step:
        case Step.AUDIENCE:
            return "PR405", Remedy("request a token for the provider's audience", (_NEW,))
        case Step.KEYS:
            return "PR404", Remedy(
                "publish the cluster's keys", (ByHand("podrole issuer publish --cluster CLUSTER --from-cluster"),)
            )
        case Step.TIME if denial.evidence.get("fault") == TokenFault.NOT_YET_VALID:
            remedy = Remedy("correct the clock of the control plane's machines", (ByHand("chronyc makestep"),))
            return "PR407", remedy
        case Step.TIME:
            return "PR406", Remedy("get a new token", (_NEW,))
        case _:
            return "PR412", Remedy("get a token of this issuer", (_NEW,))
