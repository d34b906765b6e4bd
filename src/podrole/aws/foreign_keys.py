"""Credentials that this world has not issued, mostly those of a real account: the refusal says where they come from.

AWS tells a client only that its credentials are invalid. The event log and the console say more, so that nobody looks
for the fault elsewhere, or believes that a call with a real profile reached AWS.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict

from podrole.aws.errors import AWSError
from podrole.aws.signature.faults import Fault
from podrole.sts.credentials import account_of_key_id

_FOREIGN = (Fault.UNKNOWN_KEY, Fault.BAD_TOKEN)
_KEY_ID = re.compile(r"[A-Z0-9]{16,128}", re.ASCII)
_MOST_NAMES = 1000
_NEXT = (
    'eval "$(podrole env)", and leave out --profile; look at AWS_PROFILE, AWS_ACCESS_KEY_ID and ~/.aws/credentials '
    "where the client runs"
)
_log = logging.getLogger(__name__)


def explain_foreign_key(error: AWSError, fault: Fault, key_id: str) -> None:
    """Say in the evidence of a refusal where the client has its credentials from, if they are not this world's."""
    if fault not in _FOREIGN or not _KEY_ID.fullmatch(key_id):
        return
    account = account_of_key_id(key_id)
    of_account = f" (by its form, of account {account})" if account is not None else ""
    what = "The session of the access key" if fault is Fault.BAD_TOKEN else "The access key"
    error.why = (
        f"{what} {key_id}{of_account} is not valid in this world: it was deleted or deactivated here, or it is of "
        "another world or of a real account. The client's profile or environment names it."
    )
    error.explanation = {**(error.explanation or {}), "access_key_id": key_id, "next": _NEXT}


class ForeignKeys:
    """Warns on the console of each access key that is not this world's, once."""

    def __init__(self) -> None:
        self._logged: OrderedDict[str, None] = OrderedDict()

    def note(self, error: AWSError) -> None:
        """Warn, if an error is the refusal of such a key."""
        explanation = error.explanation or {}
        key_id = explanation.get("access_key_id")
        if explanation.get("fault") not in _FOREIGN or not isinstance(key_id, str) or key_id in self._logged:
            return
        self._logged[key_id] = None
        if len(self._logged) > _MOST_NAMES:
            self._logged.popitem(last=False)
        _log.warning("A call was refused. %s Next: %s. Further calls with this key are not logged.", error.why, _NEXT)
