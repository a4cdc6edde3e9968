"""A grid of runs over depths, models, signals and seeds: resumable, one file per run."""

from cellaxes.study._collect import CURVE, collect, curves, levels, seconds, status
from cellaxes.study._facts import Facts
from cellaxes.study._handout import read_embedding, write_thinned
from cellaxes.study._prepare import Material, prepare, reload
from cellaxes.study._run import run
from cellaxes.study._shares import shares
from cellaxes.study._spec import GIVEN, THIN, ModelSpec, RunSpec, StudySpec
from cellaxes.study._store import Store

__all__ = [
    "CURVE",
    "GIVEN",
    "THIN",
    "Facts",
    "Material",
    "ModelSpec",
    "RunSpec",
    "Store",
    "StudySpec",
    "collect",
    "curves",
    "levels",
    "prepare",
    "read_embedding",
    "reload",
    "run",
    "seconds",
    "shares",
    "status",
    "write_thinned",
]
