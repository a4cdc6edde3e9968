"""Pretrained networks of a folder or of the hub's local cache: safetensors alone, in silence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.nets import seeded
from cellaxes._core.random import stream

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SPARED = ("pooler", "head", "classifier", "cls.")
"""Parts of names of weights that no embedding reads, and a checkpoint may lack."""


def folder_of(name: str) -> Path:
    """Return the folder of a checkpoint: one that is given, or that of a hub id in the cache.

    Raises
    ------
    InputError
        If it is neither.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    require_extra("huggingface_hub", extra="transformers", what="checkpoints of the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise InputError(
            f"{name} is no folder, and no checkpoint in the cache of the hub: "
            f"run `hf download {name}` while on line, or give a folder."
        ) from error


@contextmanager
def reading(folder: Path, what: str) -> Iterator[None]:
    """Turn what a damaged checkpoint provokes into one sentence, and keep transformers silent."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{folder} cannot be read as {what} ({reason}): download or save it again."
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def read_network(folder: Path, kind: str, *, what: str, headed: bool = False) -> "PreTrainedModel":
    """Read a network of a kind with all the weights that an embedding needs.

    Parameters
    ----------
    folder
        With ``config.json`` and weights as safetensors.
    kind
        Class of transformers, as ``"AutoModel"``.
    what
        How messages call such a network, as ``"a protein language model"``.
    headed
        Whether the head must be there too, because it is trained.

    Raises
    ------
    InputError
        If the folder holds no such network, its weights are pickles, or some are missing.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} lacks config.json: it is no checkpoint of {what}.")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        held = f"holds {', '.join(pickles)}, which can run code and is not read" if pickles else ""
        raise InputError(
            f"{folder} {held or 'has no weights'}: a checkpoint has its weights as "
            "model.safetensors (load it where you trust it, and save_pretrained)."
        )
    import transformers

    with reading(folder, what), seeded(stream(0, "checkpoint")):
        net, info = getattr(transformers, kind).from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    spared = () if headed else SPARED
    absent = sorted(n for n in info["missing_keys"] if not any(part in n for part in spared))
    absent += sorted(str(entry[0]) for entry in info["mismatched_keys"])
    if absent:
        raise InputError(
            f"{folder} is no whole checkpoint (the weights lack {absent[0]}): download or save "
            "it again."
        )
    whole: PreTrainedModel = net.float().eval()
    return whole


def build_network(config: dict[str, Any], kind: str) -> "PreTrainedModel":
    """Return an untrained network; its weights come from PyTorch's current seed."""
    require_extra("transformers", extra="transformers", what="networks of transformers")
    import transformers

    settings = transformers.AutoConfig.for_model(**config)
    net: PreTrainedModel = getattr(transformers, kind).from_config(settings)
    return net.float().eval()


def config_of(net: "PreTrainedModel") -> dict[str, Any]:
    """Return what `build_network` needs to make a network of the same shape."""
    told: dict[str, Any] = net.config.to_dict()
    return {name: value for name, value in told.items() if name not in _PROVENANCE}


_PROVENANCE = ("_name_or_path", "transformers_version", "architectures")
