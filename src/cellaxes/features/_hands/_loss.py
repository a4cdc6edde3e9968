"""The loss of counts under a decoder."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, csr_rows, row_blocks, shape_of
from cellaxes.features._hands._decoders import Decoder, decode


def count_loss(
    decoder: Decoder, counts: Counts
) -> Callable[[NDArray[np.floating]], NDArray[np.float64]]:
    """Return the loss of cells' counts under a decoder, as `metrics.loss_recovered` asks for it.

    The negative log-likelihood of a multinomial, ``-sum_g x_g log share_g`` in nats per cell:
    which molecules a cell holds, whatever its depth.

    Parameters
    ----------
    decoder
        Whose exponentiated log rates, over their sum, are each gene's share.
    counts
        UMI counts ``(n_cells, n_genes)`` of the cells whose embedding the loss will be given.

    Returns
    -------
    Function from an embedding ``(n_cells, d)`` to the losses of its cells, nats, ``(n_cells,)``.

    Raises
    ------
    InputError
        If the genes are of another number than the decoder's, or later the cells.
    """
    n_cells, n_genes = shape_of(counts)
    if len(decoder.genes) != n_genes:
        raise InputError(
            f"counts have {n_genes} genes, but the decoder {len(decoder.genes)}: pass the genes it "
            "decodes, in its order."
        )

    def loss(z: NDArray[np.floating]) -> NDArray[np.float64]:
        if len(z) != n_cells:
            raise InputError(f"the embedding has {len(z)} cells, but counts have {n_cells}.")
        nats = np.empty(n_cells)
        for start, stop in row_blocks(n_cells):
            rates = decode(decoder, z[start:stop]).astype(np.float64)
            x = csr_rows(counts, start, stop)
            total = np.asarray(x.sum(axis=1)).ravel()
            said = np.asarray(x.multiply(rates).sum(axis=1)).ravel()
            nats[start:stop] = total * logsumexp(rates, axis=1) - said
        return nats

    return loss
