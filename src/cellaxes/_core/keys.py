"""Every AnnData key that cellaxes writes, as functions: one module owns the names."""


def embedding(name: str, key_added: str | None = None) -> str:
    """``obsm`` key of an embedding: ``X_<name>`` unless the user names it."""
    return key_added if key_added is not None else f"X_{name}"


def umis_per_cell(key_added: str | None = None) -> str:
    """``obs`` key of the measured depth of each cell, in UMIs."""
    return key_added if key_added is not None else "umis_per_cell"


def params(slot: str) -> str:
    """``uns`` key under which the parameters of what is in ``slot`` stand."""
    return f"cellaxes_{slot}"


def structure() -> str:
    """``uns`` key of what the prefixes of ``obsm["X_structure"]`` mean: dims, levels, settings."""
    return "structure"


def modality() -> str:
    """``uns`` key of what the columns of ``X`` are where they are no genes."""
    return "cellaxes_modality"


def notes() -> str:
    """``uns`` key of what a reader left out or could not do, one sentence each."""
    return "cellaxes_notes"


def noise() -> str:
    """``uns`` key of the noise that was put on: kind, strength, coordinate, measured ratio."""
    return "cellaxes_noise"
