"""The account and region of the EC2 instance that the webhook runs on, from the instance metadata service.

It is only asked if ``--compose-role-arn`` is used without ``--account-id``: the roles are then in the instance's
account. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
"""

from __future__ import annotations

import dataclasses

import httpx2
import msgspec

from podrole.base.http_client import async_client, no_tls
from podrole.base.partitions import partition_of
from podrole.webhook.errors import BadSettings
from podrole.webhook.settings import RoleComposition, WebhookSettings

ADDRESS = "http://169.254.169.254"
LIMIT_SECONDS = 5.0


class _Document(msgspec.Struct, rename="camel"):
    account_id: str
    region: str


async def with_account_of_host(settings: WebhookSettings) -> WebhookSettings:
    """Return the settings with the account of this instance. Raises BadSettings if the metadata service does not
    answer."""
    injection = dataclasses.replace(settings.injection, role_composition=await account_of_host())
    return dataclasses.replace(settings, injection=injection)


async def account_of_host(address: str = ADDRESS) -> RoleComposition:
    """Return the instance's account and the partition of its region. Raises BadSettings if there is no answer."""
    try:
        async with async_client(no_tls(), base_url=address, timeout=LIMIT_SECONDS) as http:
            token = await http.put("/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
            token.raise_for_status()
            answer = await http.get(
                "/latest/dynamic/instance-identity/document", headers={"X-aws-ec2-metadata-token": token.text}
            )
            answer.raise_for_status()
        document = msgspec.json.decode(answer.content, type=_Document)
    except (httpx2.HTTPError, msgspec.MsgspecError, UnicodeError) as problem:
        raise BadSettings(
            "--compose-role-arn needs the account of the roles, and the metadata service of this host does not answer.",
            got=f"{type(problem).__name__}: {problem}".rstrip(": "),
            next_step="set the account with --account-id (and --partition outside the partition aws)",
        ) from problem
    return RoleComposition(document.account_id, partition_of(document.region))
