"""A grid of runs over depths, models, signals and seeds: resumable, one file per run."""

from cellaxes.study._collect import CURVE, Status, collect, curves, levels, seconds, status
from cellaxes.study._facts import Facts
from cellaxes.study._handout import read_embedding, write_thinned
from cellaxes.study._plan import StudyPlan, plan
from cellaxes.study._prepare import Material, check_keys, prepare, reload
from cellaxes.study._run import Engine, run
from cellaxes.study._shares import shares
from cellaxes.study._slurm import Slurm, Submission, submit, walltime_seconds
from cellaxes.study._spec import GIVEN, THIN, ModelSpec, RunSpec, StudySpec
from cellaxes.study._store import Store
from cellaxes.study._work import Work, work

__all__ = [
    "CURVE",
    "GIVEN",
    "THIN",
    "Engine",
    "Facts",
    "Material",
    "ModelSpec",
    "RunSpec",
    "Slurm",
    "Status",
    "Store",
    "StudyPlan",
    "StudySpec",
    "Submission",
    "Work",
    "check_keys",
    "collect",
    "curves",
    "levels",
    "plan",
    "prepare",
    "read_embedding",
    "reload",
    "run",
    "seconds",
    "shares",
    "status",
    "submit",
    "walltime_seconds",
    "work",
    "write_thinned",
]
