"""The networks by name."""

from cellaxes.perturbation._models._fitted import FittedNet
from cellaxes.perturbation._models._registry import Model, add
from cellaxes.perturbation._models._settings import NETS

SEEN = "contexts and compounds that were never measured rest on the mean of those that were"

add(
    "embedding_mlp",
    Model(NETS["embedding_mlp"], FittedNet),
    "learned ids and dense blocks on the components of the responses",
    reference="third place of Open Problems 2023 (okon2000), best when scored again",
    limits=f"knows ids only: {SEEN}",
)
add(
    "target_encoding_net",
    Model(NETS["target_encoding_net"], FittedNet),
    "statistics of the other rows of context and compound as tokens; convolution, GRU or LSTM",
    reference="first place of Open Problems 2023 (Jean Kouagou), mended",
    limits="a context of few rows has poor statistics",
)
add(
    "token_transformer",
    Model(NETS["token_transformer"], FittedNet),
    "attention among what is told of one row",
    reference="second place of Open Problems 2023 (Eliorkalfon), mended",
    limits="slow to learn from a few hundred rows",
)
add(
    "tensor_factorization",
    Model(NETS["tensor_factorization"], FittedNet),
    "one network of embeddings of context, compound and component",
    reference="seventh place of Open Problems 2023",
    limits=f"knows ids only: {SEEN}",
)
add(
    "dual_encoder",
    Model(NETS["dual_encoder"], FittedNet),
    "a branch for the medians of the context, one for those of the compound, a decoder of both",
    reference="sixteenth place of Open Problems 2023 (ScAPE)",
    limits="knows of ids only what their medians tell",
)
