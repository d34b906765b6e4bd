"""Secret."""

from __future__ import annotations

import base64

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.core import secret_cells
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.cluster.validation.core import validate_secret, validate_secret_update

_SECRET = "io.k8s.api.core.v1.Secret"  # noqa: S105 - the name of a schema


def default_secret(secret: Object) -> None:
    """Give it a type, and put ``stringData`` into ``data``."""
    secret.setdefault("type", "Opaque")
    text = secret.pop("stringData", None)  # written, never read back
    if text:
        data = secret.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in text.items()})


SECRET = Kind(
    Resource("", "secrets", "Secret", _SECRET),
    table=TableLayout((NAME, Column("Type", f"{_SECRET}.type"), Column("Data", f"{_SECRET}.data"), AGE), secret_cells),
    selectable_fields=(("type", at("type")),),
    default=default_secret,
    validate=validate_secret,
    validate_update=validate_secret_update,
    without={"prepare": "It has no status."},
)
