"""How well embeddings keep cell types, on cells that were held out."""
