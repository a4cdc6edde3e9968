"""Nearest cells by cosine: exact, by faiss, by a funnel of prefixes; and their vote."""
