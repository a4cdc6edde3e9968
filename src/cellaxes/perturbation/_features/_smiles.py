"""Embeddings of SMILES by an encoder of Hugging Face, from a folder or the hub."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.fetch import cache_folder
from cellaxes._core.files import file_identity, identity, write_atomic
from cellaxes._core.nets import one_thread
from cellaxes.perturbation._molecules import chemistry, molecules

if TYPE_CHECKING:
    from torch import Tensor

WHAT = "Embeddings of SMILES"
Table = dict[str, NDArray[np.float32]]


def embed_smiles(
    smiles: pd.Series, *, model: str | Path, batch: int = 32, max_tokens: int = 512
) -> pd.DataFrame:
    """Embed SMILES by the last hidden states of an encoder, their mean over a molecule's tokens.

    Each SMILES is standardised first (largest fragment, RDKit's canonical form). Padding is
    masked in attention and left out of the mean, so a molecule's embedding does not depend on
    what it is embedded with. Embeddings are kept in ``cache_folder()/smiles`` by model and
    canonical SMILES.

    Parameters
    ----------
    smiles
        Indexed by the name of the compound; where one is missing there is no row in the result.
    model
        Folder with a checkpoint and its tokenizer, or the id of one on the hub, e.g.
        ``"DeepChem/ChemBERTa-77M-MTR"``. Weights are read as safetensors only, and the encoder
        alone: a head that the checkpoint lacks would be random.
    batch, max_tokens
        Molecules at a time; tokens at most, the rest of a molecule is cut.

    Returns
    -------
    One row per compound, float32, columns ``0 … d-1``; fit for ``TrainingData.compounds``.

    Raises
    ------
    InputError
        If transformers or RDKit are not installed, a SMILES does not parse, or the model cannot
        be read.
    """
    canonical = _canonical(smiles)
    store = cache_folder() / "smiles" / f"{_identity(model, max_tokens)}.npz"
    known = _read(store)
    new = sorted({text for text in canonical.values() if text not in known})
    if new:
        known |= _embed(new, model, batch, max_tokens)
        _write(store, known)
    found = np.array([known[text] for text in canonical.values()], dtype=np.float32)
    return pd.DataFrame(found, index=pd.Index(list(canonical), name="compound"))


def _canonical(smiles: pd.Series) -> dict[str, str]:
    chem = chemistry("Chem", WHAT)
    names = [str(name) for name in smiles.index]
    found = molecules(smiles, what=WHAT, names=names)
    return {n: chem.MolToSmiles(m) for n, m in zip(names, found, strict=True) if m is not None}


def _identity(model: str | Path, max_tokens: int) -> str:
    """Return what names the cache: of a folder its files, of the hub its id."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return identity([max_tokens, *([path.name, file_identity(path)] for path in files)])
    return identity([max_tokens, str(model)])


def _embed(smiles: Sequence[str], model: str | Path, batch: int, max_tokens: int) -> Table:
    """Embed, those of like length together."""
    import torch

    tokenizer, encoder = _load(model)
    order = sorted(smiles, key=len)
    found: Table = {}
    with one_thread(), torch.no_grad():
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            told = tokenizer(
                part, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt"
            )
            hidden = encoder(
                input_ids=told["input_ids"], attention_mask=told["attention_mask"]
            ).last_hidden_state
            found |= dict(zip(part, pooled(hidden, told["attention_mask"]).numpy(), strict=True))
    return found


def pooled(hidden: "Tensor", mask: "Tensor") -> "Tensor":
    """Return the mean of hidden states ``(n, tokens, d)`` over the tokens that are no padding."""
    kept = mask[:, :, None].to(hidden.dtype)
    return (hidden * kept).sum(dim=1) / kept.sum(dim=1)


def _load(model: str | Path) -> tuple[Any, Any]:
    require_extra("transformers", extra="transformers", what=WHAT)
    from transformers import AutoModel, AutoTokenizer

    folder = Path(model).expanduser()
    local = folder.is_dir()
    name = str(folder if local else model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
        encoder, info = AutoModel.from_pretrained(
            name, local_files_only=local, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{model} cannot be read as an encoder of SMILES ({reason}): name a folder or a hub "
            "id with config, tokenizer and weights as safetensors."
        ) from error
    absent = [key for key in info["missing_keys"] if "pooler" not in key]
    if absent:
        raise InputError(f"{model} lacks the weights {absent[0]}: it is no whole encoder.")
    return tokenizer, encoder.float().eval()


def _read(store: Path) -> Table:
    if not store.is_file():
        return {}
    with np.load(store, allow_pickle=False) as held:
        return dict(zip(held["smiles"].tolist(), held["embedding"], strict=True))


def _write(store: Path, known: Table) -> None:
    held = io.BytesIO()
    names = sorted(known)
    np.savez(held, smiles=np.array(names), embedding=np.array([known[name] for name in names]))
    write_atomic(store, held.getvalue())
