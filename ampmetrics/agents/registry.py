"""The agents by name."""

from __future__ import annotations

import sys

from ampmetrics.agents.adapter import Adapter
from ampmetrics.agents.amp import Amp
from ampmetrics.errors import BadInputError

__all__ = ["AGENTS", "adapter"]

# -P: the folder an agent works in is no place to import from.
SAMPLE = Amp(
    name="sample", is_sample=True, program=(sys.executable, "-P", "-m", "ampmetrics.agents.sample")
)

AGENTS: dict[str, Adapter] = {"amp": Amp(), "sample": SAMPLE}
"""`amp` is the Amp CLI; `sample` replays recorded transcripts through the same adapter."""


def adapter(name: str) -> Adapter:
    """The adapter of this name; raises BadInputError with the choices."""
    if name not in AGENTS:
        raise BadInputError(f"unknown agent {name!r}: choose from {', '.join(AGENTS)}")
    return AGENTS[name]
