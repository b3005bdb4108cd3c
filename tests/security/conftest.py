"""How long is searched: a little each time, and as long as one likes by `scripts/fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_EXAMPLES = int(os.environ.get("SORA_FUZZ_EXAMPLES", "100"))
settings.register_profile(
    "sora", max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("sora")
