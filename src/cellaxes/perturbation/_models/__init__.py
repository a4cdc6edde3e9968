"""Models of responses behind one protocol, and what they share."""
