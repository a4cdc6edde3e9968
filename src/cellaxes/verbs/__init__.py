"""What people come for: each verb joins the rooms into one result and one page."""

from cellaxes.verbs._measure import measure, summarise

__all__ = ["measure", "summarise"]
