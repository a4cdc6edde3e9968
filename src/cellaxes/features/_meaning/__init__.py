"""What a feature means: its genes, gene sets, labels and leaks, and a name that says why."""
