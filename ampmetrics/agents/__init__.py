"""Agent CLIs: how each is started and continued, and how a line of its stream becomes events."""

from ampmetrics.agents.adapter import Adapter, Arrival, Request, Stream
from ampmetrics.agents.registry import AGENTS, adapter

__all__ = ["AGENTS", "Adapter", "Arrival", "Request", "Stream", "adapter"]
