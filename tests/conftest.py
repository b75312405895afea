"""How hard Hypothesis looks: HYPOTHESIS_PROFILE is `dev` (the default), `ci` or `nightly`.

`red` is for whoever wants to know only whether a test fails, and not the shortest way to it.
"""

import os

from hypothesis import HealthCheck, Phase, settings

# No deadline: the machines that run this are shared, and a slow example is no wrong one.
settings.register_profile("dev", deadline=None, max_examples=100)
settings.register_profile("red", deadline=None, max_examples=100, phases=[Phase.explicit, Phase.generate])
settings.register_profile("ci", deadline=None, max_examples=10, print_blob=True)
settings.register_profile(
    "nightly", deadline=None, max_examples=10_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
