"""The cluster and the account are compared before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from podrole.setup.errors import Refused
from podrole.setup.place import read_place
from podrole.setup.wanted import SetupPlace
from support.faulty_place import FaultyCluster, FaultyPlace
from support.setup_model import ISSUER, PLACE

OTHER_ISSUER = ISSUER.replace("0123", "FFFF")


@dataclass
class Account(FaultyPlace):
    """An account whose EKS knows the cluster ``prod``, or no cluster."""

    known: tuple[str, str] | None = (str(PLACE.cluster_arn), ISSUER)

    def cluster_arn_and_issuer(self, cluster: str) -> tuple[str, str] | None:
        return self.known if cluster == "prod" else None


class Cluster(FaultyCluster):
    """A cluster with an issuer."""

    def __init__(self, issuer: str) -> None:
        super().__init__(FaultyPlace())
        self._issuer = issuer

    async def issuer(self) -> str:
        return self._issuer


async def test_cluster_that_eks_knows_has_its_arn() -> None:
    assert await read_place(Cluster(ISSUER), Account(), "prod") == PLACE


async def test_cluster_with_an_issuer_of_its_own_is_not_on_eks() -> None:
    place = await read_place(Cluster("https://oidc.example.com"), Account(), "mine")
    assert place == SetupPlace("mine", "https://oidc.example.com", PLACE.account, "aws", "us-east-1", None)


@pytest.mark.parametrize("issuer", [OTHER_ISSUER, "https://oidc.example.com"])
async def test_cluster_that_is_not_the_one_of_the_account_is_refused_with_both_issuers(issuer: str) -> None:
    with pytest.raises(Refused, match="two different clusters") as caught:
        await read_place(Cluster(issuer), Account(), "prod")
    assert caught.value.got == f"issuer {issuer}"
    assert caught.value.expected == f"issuer {ISSUER}"


async def test_eks_cluster_that_the_account_does_not_have_is_refused() -> None:
    with pytest.raises(Refused, match=f"account {PLACE.account} has no cluster prod in us-east-1") as caught:
        await read_place(Cluster(ISSUER), Account(known=None), "prod")
    assert "region us-east-1" in str(caught.value.expected)


async def test_cluster_of_eks_without_an_issuer_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        await read_place(Cluster(ISSUER), Account(known=(str(PLACE.cluster_arn), "")), "prod")
    assert caught.value.expected == "issuer unknown to EKS"
