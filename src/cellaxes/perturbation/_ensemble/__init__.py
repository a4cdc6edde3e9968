"""Models joined, with weights that were learned on what they had not seen."""
