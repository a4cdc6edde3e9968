"""What a model may know of a row before it sees its response."""
