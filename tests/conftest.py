"""Every test runs with all clauses of every contract checked; Hypothesis draws the same examples on every machine.

Of the processes that share the tests, one runs all that need torch, so that one only loads it.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from reference import contracts

contracts.set_level("all")

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep what a run of all tests comes to; the processes that only run some of them need none of that."""
    if not hasattr(config, "workerinput"):
        from recorder import register

        register(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "torch" in item.name:
            item.add_marker(pytest.mark.xdist_group("torch"))
