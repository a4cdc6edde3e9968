"""``python -m cellaxes`` is the same door as ``cellaxes``."""

from cellaxes.cli import main

main()
