"""moto, which gives the AWS services their behaviour, behind ``podrole.aws.interfaces.Services``.

Only this package imports moto or reads its state. Other packages import this name and nothing inside.
"""

from podrole.aws.emulator.services import MotoServices

__all__ = ["MotoServices"]
