# All scenarios by name, in the order in which they run.
# SPDX-License-Identifier: MIT
from suite import conns, copy, echo, http, micro, relay

SCENARIOS = {s.name: s for module in (echo, conns, http, micro, relay, copy)
             for s in module.SCENARIOS}
