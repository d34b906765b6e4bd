"""CEL, the expression language of webhooks' matchConditions."""
