"""Tables of responses: what they hold, where they come from, where they go."""
