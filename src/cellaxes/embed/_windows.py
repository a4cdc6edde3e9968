"""Long sequences as overlapping windows of tokens, and their means over all residues."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.nets import one_thread

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Tokens = NDArray[np.int64]
STEP = 64
"""Widths are padded to a multiple of this."""
PER_PASS = 4096
"""Tokens per pass; a constant, so that no result depends on it."""


@dataclass(frozen=True)
class Frame:
    """Tokens that stand around residues.

    Attributes
    ----------
    start, end
        Before and after them.
    pad, mask
        In place of nothing, and of what is to be predicted.
    """

    start: int
    end: int
    pad: int
    mask: int


def spans(length: int, window: int, overlap: int) -> list[tuple[int, int]]:
    """Return the fewest windows of equal length that cover ``length`` residues.

    Parameters
    ----------
    length
        Residues of the sequence.
    window
        Most residues of a window.
    overlap
        Fewest residues that neighbouring windows share.

    Examples
    --------
    >>> spans(10, 6, 2)
    [(0, 6), (4, 10)]
    """
    if length <= window:
        return [(0, length)]
    n = -(-(length - overlap) // (window - overlap))
    size = -(-(length + (n - 1) * overlap) // n)
    starts = np.round(np.linspace(0, length - size, n)).astype(int)
    return [(int(start), int(start) + size) for start in starts]


def framed(windows: Sequence[Tokens], frame: Frame, n_rows: int, width: int) -> Tokens:
    """Return windows between start and end tokens, ``(n_rows, width)``, padded.

    Rows without a window hold the start token alone: attention needs something to attend to.
    """
    batch = np.full((n_rows, width), frame.pad, dtype=np.int64)
    batch[:, 0] = frame.start
    for row, tokens in zip(batch, windows, strict=False):
        row[1 : len(tokens) + 1] = tokens
        row[len(tokens) + 1] = frame.end
    return batch


def mean_states(
    net: "PreTrainedModel",
    sequences: Sequence[Tokens],
    frame: Frame,
    *,
    window: int,
    overlap: int,
    layer: int,
) -> NDArray[np.float32]:
    """Return the mean over all residues of one hidden layer, ``(n, d)``.

    A residue that lies in several windows counts once: its states are averaged first. The
    width to which a window is padded depends on its sequence alone, and passes have a
    constant shape, so that an embedding does not depend on the sequences beside it. A
    sequence without residues is at the origin.

    Parameters
    ----------
    net
        The network, on the device where it is.
    sequences
        Tokens of the residues of each, ``(length,)``.
    frame
        Tokens around them.
    window, overlap
        As of `spans`.
    layer
        Index into the hidden states: 0 are the token embeddings, -1 is the last layer.
    """
    import torch

    out = np.zeros((len(sequences), net.config.hidden_size))
    pieces: dict[int, list[tuple[int, int, int]]] = {}
    shares: dict[int, NDArray[np.float64]] = {}
    for row, tokens in enumerate(sequences):
        if len(tokens) == 0:
            continue
        cut = spans(len(tokens), window, overlap)
        if len(tokens) not in shares:
            covered = np.zeros(len(tokens))
            for start, stop in cut:
                covered[start:stop] += 1
            shares[len(tokens)] = 1 / (covered * len(tokens))
        width = min(-(-(cut[0][1] + 2) // STEP) * STEP, window + 2)
        pieces.setdefault(width, []).extend((row, start, stop) for start, stop in cut)
    net.eval()
    with one_thread(), torch.inference_mode():
        for width, of_width in sorted(pieces.items()):
            n_rows = max(1, PER_PASS // width)
            for first in range(0, len(of_width), n_rows):
                chosen = of_width[first : first + n_rows]
                windows = [sequences[row][start:stop] for row, start, stop in chosen]
                weight = np.zeros((n_rows, 1, width), dtype=np.float32)
                for place, (row, start, stop) in enumerate(chosen):
                    share = shares[len(sequences[row])][start:stop]
                    weight[place, 0, 1 : stop - start + 1] = share
                ids = torch.from_numpy(framed(windows, frame, n_rows, width)).to(net.device)
                there = (ids != frame.pad).to(torch.int64)
                states = net(ids, attention_mask=there, output_hidden_states=True)
                hidden = states.hidden_states[layer]
                pooled = torch.bmm(torch.from_numpy(weight).to(net.device), hidden)[:, 0]
                rows = [row for row, _, _ in chosen]
                np.add.at(out, rows, pooled.cpu().numpy()[: len(chosen)])
    return out.astype(np.float32)
