"""What every room stands on: errors, random streams, AnnData access, files."""
