"""How good sparse features are: pure functions of arrays."""
