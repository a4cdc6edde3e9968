"""What people come for: each verb joins the rooms into one result and one page."""

from cellaxes.verbs._measure import measure, summarise
from cellaxes.verbs._plan import plan

__all__ = ["measure", "plan", "summarise"]
