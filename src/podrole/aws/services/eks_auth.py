"""What is special about EKS Auth: the status of its refusals."""

from __future__ import annotations

from podrole.aws.services.rules import ServiceRules

RULES = ServiceRules("eks-auth", denied=("AccessDeniedException", 400))
