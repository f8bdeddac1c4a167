"""Every test runs with all clauses of every contract checked; Hypothesis draws the same examples on every machine."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from reference import contracts

contracts.set_level("all")

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
