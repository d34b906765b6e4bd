"""What is special about CloudWatch: once a query service, it kept that protocol's code for refusals."""

from __future__ import annotations

from podrole.aws.services.rules import ServiceRules

RULES = ServiceRules("cloudwatch", denied=("AccessDenied", 403))
