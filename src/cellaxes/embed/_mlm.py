"""Fine-tuning a protein language model to predict masked residues."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellaxes.embed._bert import MASKED
from cellaxes.embed._windows import Frame, Tokens, framed

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def fine_tune(
    net: "PreTrainedModel",
    windows: Sequence[Tokens],
    frame: Frame,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> list[float]:
    """Train to predict masked residues; only these count in the loss.

    AdamW; the learning rate falls linearly to zero.

    Parameters
    ----------
    net
        With its head; changed in place, on the device where it is.
    windows
        Tokens of the residues of each window, at least one.
    frame
        Tokens around them.
    epochs, batch_size, learning_rate
        Of the training.
    rng
        Shuffles and masks.

    Returns
    -------
    Losses (nats per masked residue), one per step.

    References
    ----------
    Devlin et al. 2019 (15 % masked, of which 80 % shown as the mask, 10 % as another residue).
    """
    import torch

    optimiser = torch.optim.AdamW(net.parameters(), lr=learning_rate)
    residues = np.unique(np.concatenate(windows))
    per_epoch = -(-len(windows) // batch_size)
    losses: list[float] = []
    net.train()
    for _ in range(epochs):
        for part in np.array_split(rng.permutation(len(windows)), per_epoch):
            chosen = [windows[place] for place in part]
            truth = framed(chosen, frame, len(chosen), max(map(len, chosen)) + 2)
            shown, asked = masked(truth, frame, residues, rng)
            ids, where = torch.from_numpy(shown).to(net.device), torch.from_numpy(asked)
            there = torch.from_numpy(truth != frame.pad).to(net.device, torch.int64)
            scores = net(ids, attention_mask=there).logits[where.to(net.device)]
            wanted = torch.from_numpy(truth[asked]).to(net.device)
            loss = torch.nn.functional.cross_entropy(scores, wanted)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * (1 - len(losses) / (epochs * per_epoch))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            losses.append(loss.item())
    net.eval()
    return losses


def masked(
    tokens: Tokens, frame: Frame, residues: Tokens, rng: np.random.Generator
) -> tuple[Tokens, NDArray[np.bool_]]:
    """Return what is shown of the tokens, and which of them are asked for: 15 % of the residues.

    Parameters
    ----------
    tokens
        Framed windows ``(n, width)``.
    frame
        Tokens that are no residues.
    residues
        Tokens that a wrong residue is drawn from.
    rng
        Draws.
    """
    inside = ~np.isin(tokens, (frame.start, frame.end, frame.pad))
    asked = inside & (rng.random(tokens.shape) < MASKED)
    if not asked.any():
        asked[tuple(np.argwhere(inside)[0])] = True
    turn = rng.random(tokens.shape)
    wrong = rng.choice(residues, tokens.shape)
    shown = np.where(asked & (turn < 0.8), frame.mask, tokens)
    return np.where(asked & (turn >= 0.9), wrong, shown), asked
