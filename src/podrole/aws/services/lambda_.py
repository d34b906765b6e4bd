"""What is special about Lambda: AddPermission makes the statements of a function's policy."""

from __future__ import annotations

from typing import Any


def principal_element(parameter: Any) -> Any:
    """Return the Principal element that the parameter Principal of AddPermission stands for."""
    if not isinstance(parameter, str) or parameter == "*":
        return parameter
    is_service = "." in parameter.rpartition(":")[2] and not parameter.startswith("arn:")
    return {"Service" if is_service else "AWS": parameter}
