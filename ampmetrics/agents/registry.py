"""The agents by name."""

from __future__ import annotations

import sys

from ampmetrics.agents.adapter import Adapter
from ampmetrics.agents.amp import Amp
from ampmetrics.agents.claude import Claude
from ampmetrics.agents.codex import Codex
from ampmetrics.agents.gemini import Gemini
from ampmetrics.agents.opencode import Opencode
from ampmetrics.agents.pi import Pi
from ampmetrics.errors import BadInputError

__all__ = ["AGENTS", "adapter"]

# -P: the folder an agent works in is no place to import from.
SAMPLE = Amp(
    name="sample", is_sample=True, program=(sys.executable, "-P", "-m", "ampmetrics.agents.sample")
)

AGENTS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (Amp(), Claude(), Codex(), Gemini(), Opencode(), Pi(), SAMPLE)
}
"""One adapter an agent CLI; `sample` replays recorded transcripts through Amp's."""


def adapter(name: str) -> Adapter:
    """The adapter of this name; raises BadInputError with the choices."""
    if name not in AGENTS:
        raise BadInputError(f"unknown agent {name!r}: choose from {', '.join(AGENTS)}")
    return AGENTS[name]
