"""moto, which gives the AWS services their behaviour, behind ``podrole.aws.interfaces.Services``.

Only this package imports moto or reads its state. Other packages import these two names and nothing inside.
"""

from podrole.aws.emulator.account import Account
from podrole.aws.emulator.services import MotoServices

__all__ = ["Account", "MotoServices"]
