"""Reading a Geneformer-style checkpoint: JSON and safetensors, never a pickle."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.nets import seeded
from cellaxes._core.random import stream
from cellaxes.embed._hub import folder_of, reading
from cellaxes.embed._tokens import MASK, PAD

if TYPE_CHECKING:
    from transformers import BertForMaskedLM

FILES = ("config.json", "model.safetensors", "tokens.json", "medians.json")

_CONVERT = (
    'python -c "import json, pickle, sys; '
    "print(json.dumps(pickle.load(open(sys.argv[1], 'rb'))))\""
)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A pretrained network and the genes it knows.

    Attributes
    ----------
    net
        The network.
    tokens
        Token of each gene, by name.
    medians
        Median of the non-zero normalised values of each gene, by name.
    """

    net: "BertForMaskedLM"
    tokens: dict[str, int]
    medians: dict[str, float]


def locate(name: str) -> Path:
    """Return the folder of a checkpoint: one that is given, or that of a hub id in the cache.

    Raises
    ------
    InputError
        If it is neither, or lacks a file.
    """
    folder = folder_of(name)
    missing = [file for file in FILES if not (folder / file).is_file()]
    pickles = sorted(path.name for path in folder.rglob("*.pkl"))
    if pickles and {"tokens.json", "medians.json"} & set(missing):
        raise InputError(
            f"{folder} holds its genes as pickles ({', '.join(pickles)}), which can run code and "
            f"are not read: if you trust them, convert each with `{_CONVERT} FILE.pkl > FILE.json` "
            "and name the results tokens.json (gene to token) and medians.json (gene to median)."
        )
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}: a checkpoint has {', '.join(FILES)}."
        )
    return folder


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read the network and its genes.

    Raises
    ------
    InputError
        If a file is damaged, or the tokens are not those of the first Geneformer.
    """
    require_extra("transformers", extra="transformers", what="pretrained checkpoints")
    from transformers import BertForMaskedLM

    tokens = _numbers(folder / "tokens.json")
    medians = _numbers(folder / "medians.json")
    if (tokens.pop("<pad>", PAD), tokens.pop("<mask>", MASK)) != (PAD, MASK):
        raise InputError(f"{folder}: <pad> must be token {PAD} and <mask> token {MASK}.")
    special = sorted(name for name in tokens if name.startswith("<"))
    if special:
        raise InputError(
            f"{folder} uses the tokens {', '.join(special)} of the second Geneformer, which are "
            "not written yet: use a checkpoint of the first, or embed with its own package and "
            "read the result as precomputed."
        )
    with reading(folder, "a BERT"), seeded(stream(0, "checkpoint")):
        net, info = BertForMaskedLM.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    absent = sorted(name for name in info["missing_keys"] if name.startswith("bert."))
    if absent or max(tokens.values(), default=PAD) >= net.config.vocab_size:
        what = f"the weights lack {absent[0]}" if absent else "there are more tokens than weights"
        raise InputError(f"{folder} is no whole checkpoint ({what}): download or save it again.")
    return Checkpoint(net.float().eval(), {gene: int(t) for gene, t in tokens.items()}, medians)


def _numbers(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
        return {str(name): float(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no JSON object of names and numbers ({error}): convert it again."
        ) from error
