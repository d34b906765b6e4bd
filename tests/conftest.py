"""Settings for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Speed is measured in benchmarks/; a busy machine must not fail a test.
settings.register_profile("podrole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podrole")
