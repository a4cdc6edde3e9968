"""Embeddings with labels, from the files that hold them to the memory map that is trained on."""
