"""What podrole's programs call themselves in the user agent of their requests."""

from __future__ import annotations

PODROLE = "podrole"
"""Set-up, and the fetches of an issuer's documents."""

DOCTOR = "podrole-doctor"
"""podrole doctor; its pods' names begin with it too."""

WEBHOOK = "podrole-webhook"
