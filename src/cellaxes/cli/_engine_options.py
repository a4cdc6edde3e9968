"""Options of studies: what is studied anew, and where the work is done."""

from pathlib import Path
from typing import Annotated

import typer

NewData = Annotated[
    Path | None, typer.Argument(help="A file or folder of data; none resumes --out.")
]
EngineName = Annotated[str, typer.Option("--engine", help="local, dask or slurm.")]
Address = Annotated[
    str | None, typer.Option("--scheduler-address", help="Dask: tcp://host:port of a scheduler.")
]
Walltime = Annotated[
    str | None, typer.Option("--max-walltime", help="Time of a worker, [days-]hours:min:sec.")
]
Tasks = Annotated[int, typer.Option("--tasks", min=1, help="SLURM: tasks of the array.")]
AtOnce = Annotated[
    int | None, typer.Option("--at-once", min=1, help="SLURM: tasks that may run together.")
]
Partition = Annotated[str | None, typer.Option("--partition", help="SLURM: partition.")]
Account = Annotated[str | None, typer.Option("--account", help="SLURM: account.")]
Memory = Annotated[str | None, typer.Option("--memory", help="SLURM: memory of a task, as 8G.")]
Sbatch = Annotated[
    list[str], typer.Option("--sbatch", help="SLURM: a further sbatch option, --gres=gpu:1.")
]
Shard = Annotated[
    int,
    typer.Option(
        "--shard",
        envvar=["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"],
        help="Which share of the work, from 0.",
    ),
]
