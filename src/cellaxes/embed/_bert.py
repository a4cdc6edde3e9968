"""Masked-token networks: built by `transformers`, trained and read by us."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.extras import require_extra
from cellaxes._core.nets import one_thread
from cellaxes._core.random import stream
from cellaxes.embed._tokens import FIRST_GENE, MASK, PAD

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import BertForMaskedLM

MASKED = 0.15
"""Share of tokens to be predicted (Devlin et al. 2019)."""

SHAPE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
)
"""What of a BERT's settings decides its weights and what they compute."""

_READ = 64  # cells per pass when reading; a constant, so that no result depends on it


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    batch_size, learning_rate, weight_decay
        Of AdamW (Loshchilov and Hutter 2019).
    warmup_steps
        Steps in which the learning rate rises; it then falls linearly to zero.
    max_steps
        Steps at most.
    eval_steps, patience
        The held-out loss is read every so many steps; training stops when this many readings
        in a row did not lower it.
    """

    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    max_steps: int
    eval_steps: int
    patience: int


def build(config: dict[str, Any]) -> "BertForMaskedLM":
    """Return an untrained network; its weights come from PyTorch's current seed."""
    require_extra("transformers", extra="transformers", what="rank transformers")
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(BertConfig(pad_token_id=PAD, **config))


def train(
    net: "BertForMaskedLM",
    tokens: NDArray[np.int32],
    held_out: NDArray[np.int32],
    *,
    how: Training,
    rng: np.random.Generator,
) -> list[float]:
    """Train to predict masked tokens until the held-out loss stops falling; keep the best.

    Parameters
    ----------
    net
        Changed in place, on the device where it is.
    tokens, held_out
        Ranked tokens ``(n_cells, n_tokens)`` trained on, and watched.
    how
        Schedule.
    rng
        Shuffles and masks.

    Returns
    -------
    Held-out losses (nats per masked token), one per reading.
    """
    import torch

    # torch's own AdamW: transformers has imported the compiler that torch.optim drags in
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay
    )
    watched = [_masked(held_out[i : i + _READ], rng) for i in range(0, len(held_out), _READ)]
    batches = _batches(tokens, how.batch_size, rng)
    losses: list[float] = []
    best, waited, kept = float("inf"), 0, net.state_dict()
    for step in range(how.max_steps):
        falling = (how.max_steps - step) / max(1, how.max_steps - how.warmup_steps)
        rate = how.learning_rate * min((step + 1) / max(1, how.warmup_steps), falling, 1.0)
        for group in optimiser.param_groups:
            group["lr"] = rate
        net.train()
        total, n = _loss(net, *_masked(next(batches), rng))
        optimiser.zero_grad()
        (total / max(n, 1)).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % how.eval_steps and step + 1 < how.max_steps:
            continue
        net.eval()
        with torch.no_grad():
            read = [_loss(net, *batch) for batch in watched]
        losses.append(float(sum(total for total, _ in read)) / max(1, sum(n for _, n in read)))
        if losses[-1] < best:
            best, waited = losses[-1], 0
            kept = {name: value.clone() for name, value in net.state_dict().items()}
        else:
            waited += 1
            if waited >= how.patience:
                break
    net.load_state_dict(kept)
    net.eval()
    return losses


def read(net: "BertForMaskedLM", tokens: NDArray[np.int32], layer: int) -> NDArray[np.float32]:
    """Return the mean over a cell's tokens of one hidden layer, ``(n_cells, d)``.

    Each cell is padded to a width that depends on its own length alone, so that its
    embedding does not depend on the cells beside it. A cell without tokens is at the origin.

    Parameters
    ----------
    net
        The network.
    tokens
        Ranked tokens ``(n_cells, n_tokens)``.
    layer
        Index into the hidden states: 0 are the token embeddings, -1 is the last layer.
    """
    import torch

    out = np.zeros((len(tokens), net.config.hidden_size), dtype=np.float32)
    lengths = (tokens != PAD).sum(axis=1)
    widths = np.minimum(2 ** np.ceil(np.log2(np.maximum(lengths, 8))), tokens.shape[1]).astype(int)
    net.eval()
    with one_thread(), torch.no_grad():
        for width in np.unique(widths):
            rows = np.flatnonzero((widths == width) & (lengths > 0))
            for start in range(0, len(rows), _READ):
                chosen = rows[start : start + _READ]
                batch = np.full((_READ, width), PAD, dtype=np.int64)
                batch[: len(chosen)] = tokens[chosen, :width]
                batch[len(chosen) :, 0] = MASK  # attention needs something to attend to
                ids = torch.from_numpy(batch).to(net.device)
                real = (ids != PAD).to(torch.int64)
                states = net.bert(ids, attention_mask=real, output_hidden_states=True)
                hidden = states.hidden_states[layer] * real[:, :, None]
                mean = hidden.sum(dim=1) / real.sum(dim=1, keepdim=True)
                out[chosen] = mean.cpu().numpy()[: len(chosen)]
    return out


def _batches(
    tokens: NDArray[np.int32], size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int32]]:
    """Deal the cells to batches without end, those of like length together."""
    lengths = (tokens != PAD).sum(axis=1)
    cells = np.flatnonzero(lengths)
    while True:
        order = rng.permutation(cells)
        pools = np.array_split(order, max(1, len(order) // (50 * size)))
        order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
        dealt = np.array_split(order, max(1, len(order) // size))
        for which in rng.permutation(len(dealt)):
            yield tokens[dealt[which]]


def _masked(
    tokens: NDArray[np.int32], rng: np.random.Generator
) -> tuple["Tensor", NDArray[np.bool_]]:
    """Return the tokens and which of them are to be predicted."""
    import torch

    width = max(1, int((tokens != PAD).sum(axis=1).max(initial=0)))
    cut = tokens[:, :width].astype(np.int64)
    return torch.from_numpy(cut), (rng.random(cut.shape) < MASKED) & (cut != PAD)


def _loss(net: "BertForMaskedLM", ids: "Tensor", chosen: NDArray[np.bool_]) -> tuple[Any, int]:
    """Return the summed cross-entropy of the chosen tokens, and how many there are.

    Of the chosen, 80 % are replaced by the mask, 10 % by another cell's token and 10 % stay;
    which is which follows from their order, which is random already.
    """
    import torch

    ids, where = ids.to(net.device), torch.from_numpy(chosen).to(net.device)
    truth = ids[where]
    shown = torch.full_like(truth, MASK)
    turn = torch.arange(len(truth), device=net.device) % 10
    shown[turn == 8] = truth.roll(1)[turn == 8]
    shown[turn == 9] = truth[turn == 9]
    hidden = net.bert(
        ids.masked_scatter(where, shown), attention_mask=(ids != PAD).to(torch.int64)
    ).last_hidden_state
    scores = net.cls(hidden[where])
    return torch.nn.functional.cross_entropy(scores, truth, reduction="sum"), len(truth)


def vocabulary_size(n_genes: int) -> int:
    """Return how many tokens there are for so many genes."""
    return n_genes + FIRST_GENE


def hold_out(
    n_cells: int, share: float, random_state: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training cells that are trained on and those that are watched."""
    order = stream(random_state, "rank_transformer", "held out").permutation(n_cells)
    n_watched = max(1, round(share * n_cells))
    return np.sort(order[n_watched:]), np.sort(order[:n_watched])


def config_of(net: "BertForMaskedLM") -> dict[str, Any]:
    """Return what `build` needs to make a network of the same shape."""
    return {name: getattr(net.config, name) for name in SHAPE}
