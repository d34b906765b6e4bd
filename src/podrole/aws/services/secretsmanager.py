"""What is special about Secrets Manager: a secret's resource policy."""

from __future__ import annotations

from podrole.aws.services.rules import ServiceRules, parameter

RULES = ServiceRules("secretsmanager", documents={"PutResourcePolicy": parameter("ResourcePolicy")})
