"""A grid of runs over depths, models, signals and seeds: resumable, one file per run."""

from cellaxes.study._collect import collect, levels, status
from cellaxes.study._prepare import prepare
from cellaxes.study._run import run
from cellaxes.study._spec import ModelSpec, RunSpec, StudySpec

__all__ = [
    "ModelSpec",
    "RunSpec",
    "StudySpec",
    "collect",
    "levels",
    "prepare",
    "run",
    "status",
]
