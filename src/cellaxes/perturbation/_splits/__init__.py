"""What to hold out, and what leaks all the same."""
