"""The comparisons that `run.py` carries out, by part of the package."""

from dataclasses import dataclass

PARTS = ("Measure", "Explain", "Structure", "Predict", "Scale")


@dataclass(frozen=True)
class Item:
    """A script and what it needs."""

    name: str
    part: str
    title: str
    script: str
    arguments: tuple[str, ...] = ()
    """Words; {shared} and {out} stand for the data and a scratch folder."""
    minutes: float = 5.0
    """The limit, of CPU time."""
    timed: bool = False
    """Whether seconds are compared, so that nothing may run beside it."""
    peers: tuple[str, ...] = ()
    """Environments of its own that it needs."""
    absent: str = ""
    """Why it is not run at all."""

    @property
    def shared(self) -> bool:
        """Whether it reads the shared data."""
        return "{shared}" in self.arguments


SHARED, BOTH = ("{shared}",), ("{shared}", "{out}")
ITEMS: tuple[Item, ...] = (
    Item("speed", "Measure", "Thinning, neighbours, noise, imports", "speed.py", timed=True),
    Item("latentmi", "Measure", "Information: seconds beside latentmi", "information.py",
         (*SHARED, "--part", "speed"), timed=True, peers=("latentmi",)),
    Item("truth", "Measure", "Information: errors where the truth is known", "information.py",
         (*SHARED, "--part", "truth", "--out", "{out}"), minutes=10),
    Item("published", "Measure", "Noise law: the published curves", "published.py", SHARED,
         timed=True),
    Item("cell_law", "Measure", "Cell-number law: the published curves", "cell_law.py", SHARED),
    Item("joint_law", "Measure", "One law of depth and cells", "joint_law.py", SHARED),
    Item("extrapolation", "Measure", "Information beyond the measured range", "extrapolation.py",
         SHARED),
    Item("law_on_truth", "Measure", "Intervals of the law where the truth is known",
         "law_on_truth.py"),
    Item("planner", "Measure", "Plans where the optimum is known", "planner.py"),
    Item("real_data", "Measure", "The law on real cells", "real_data.py", BOTH),
    Item("modalities", "Measure", "The law on images and sequences", "modalities.py", BOTH),
    Item("paper", "Measure", "PCA, scVI, rank transformer and random projection", "comparison.py",
         BOTH, absent="trains 720 models, five CPU hours"),
    Item("dictionary", "Explain", "Sparse dictionaries: SAELens, dictionary-learning, sparsify",
         "dictionary_peers.py", BOTH, minutes=8, timed=True,
         peers=("saelens", "dictionary-learning", "sparsify")),
    Item("programmes", "Explain", "Known programmes: ICA, varimax, NMF", "features.py",
         (*BOTH, "programmes"), minutes=10, timed=True),
    Item("drvi", "Explain", "Disentanglement: drvi-py", "features.py", (*BOTH, "drvi"),
         timed=True, peers=("drvi",)),
    Item("batch", "Explain", "Leaking features removed, and seconds of training", "features.py",
         (*BOTH, "batch", "speed"), timed=True),
    Item("adapters", "Structure", "Adapters on real cells", "adapters.py",
         (*BOTH, "residual", "lda", "supcon", "hce", "v5", "logistic"), minutes=10),
    Item("loop", "Structure", "Training: the fractal head's loop", "adapters_scale.py", ("loop",),
         timed=True),
    Item("annotation", "Structure", "Calls of cell types and search", "annotation.py", BOTH,
         timed=True),
    Item("ingest", "Structure", "Reading and dealing embeddings", "ingest.py", ("{out}",),
         timed=True),
    Item("differential", "Predict", "Differential expression: R, PyDESeq2, scanpy",
         "differential.py", SHARED, timed=True, peers=("pydeseq2",)),
    Item("baselines", "Predict", "Baselines: the published table, and full size",
         "perturbation_baselines.py", (*SHARED, "tggates", "full"), timed=True),
    Item("models", "Predict", "Mended winning models against baselines", "perturbation_models.py",
         SHARED, minutes=8),
    Item("ensemble", "Predict", "The ensemble against members and baselines",
         "perturbation_ensemble.py", BOTH, minutes=8),
    Item("cold", "Predict", "Compounds never measured", "cold_compounds.py", SHARED),
    Item("presets", "Predict", "The winners' own sizes", "winning_solutions.py", BOTH,
         absent="minutes per network, an hour in all"),
    Item("needs", "Predict", "Cells a well that predictors need", "predictor_needs.py", SHARED),
    Item("competition", "Predict", "The default fit at competition size", "competition_size.py",
         BOTH, minutes=25, timed=True),
    Item("memory", "Scale", "Memory of thinning", "memory.py", timed=True),
    Item("engines", "Scale", "What the store and the engine cost", "engines.py", timed=True),
    Item("millions", "Scale", "Eight million cells, from order to evaluation",
         "adapters_scale.py", ("scale", "{out}"), absent="18 minutes on a quiet machine"),
    Item("slurm", "Scale", "A study on SLURM and on Dask with a killed worker", "engines.py",
         absent="needs a SLURM node; .ci/slurm and tests/test_engines.py run it"),
    Item("gpu", "Scale", "Anything on a GPU", "speed.py", absent="needs a GPU"),
)  # fmt: skip
