"""What people come for: each verb joins the rooms into one result and one page."""

from cellaxes.verbs._depths import feature_depths
from cellaxes.verbs._explain import explain
from cellaxes.verbs._measure import measure, summarise
from cellaxes.verbs._plan import plan
from cellaxes.verbs._steer import steer
from cellaxes.verbs._structure import structure

__all__ = ["explain", "feature_depths", "measure", "plan", "steer", "structure", "summarise"]
