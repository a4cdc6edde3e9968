"""The state of a study: one JSON file per finished run, nothing else.

Layout (version 1) of a study folder::

    study.json              the frozen StudySpec
    facts.json              what its data are: sizes, depth, entropies
    runs/ab/abcd….json      one record per run, named by the SHA-256 of its RunSpec
    stages/                 thinned counts shared by runs; rebuilt when missing
"""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from cellaxes._core.errors import InputError
from cellaxes._core.files import canonical_json, pretty_json, write_atomic
from cellaxes._core.reading import read_text, reading
from cellaxes.study._facts import Facts
from cellaxes.study._spec import RunSpec, StudySpec

STATES = ("done", "failed")
"""How a run can end."""


class Store:
    """Records of finished runs in a folder; whatever is there is done.

    Parameters
    ----------
    root
        The folder.
    on_write
        Called after each record: where a worker that was told to stop leaves its work.
    """

    def __init__(self, root: str | Path, *, on_write: Callable[[], None] | None = None) -> None:
        self.root = Path(root)
        self._on_write = on_write

    @property
    def stages(self) -> Path:
        """Folder of the shared stages."""
        return self.root / "stages"

    def write_spec(self, spec: StudySpec) -> None:
        """Write ``spec``, the study that this folder now holds."""
        write_atomic(self.root / "study.json", pretty_json(spec.model_dump(mode="json")))

    def read_spec(self) -> StudySpec:
        """Read the study that this folder holds.

        Raises
        ------
        InputError
            If there is none.
        """
        path = self.root / "study.json"
        if not path.exists():
            raise InputError(
                f"{self.root} holds no study (no study.json): run a study there first."
            )
        return StudySpec.read(read_text(path, "a study", "write the study anew"), str(path))

    def record_path(self, run_id: str) -> Path:
        """Where the record of the run ``run_id`` stands."""
        return self.root / "runs" / run_id[:2] / f"{run_id}.json"

    def write(self, run: RunSpec, record: dict[str, Any]) -> None:
        """Write the ``record`` of a finished ``run`` whole; a failure never replaces a success."""
        if record["status"] == "failed" and (self.read(run.id) or {}).get("status") == "done":
            return
        content = canonical_json({"run": run.model_dump(mode="json"), **record})
        write_atomic(self.record_path(run.id), content)
        if self._on_write is not None:
            self._on_write()

    def read(self, run_id: str) -> dict[str, Any] | None:
        """Read the record of the run ``run_id``, ``None`` where there is none.

        Raises
        ------
        InputError
            If the record is damaged.
        """
        path = self.record_path(run_id)
        if not path.exists():
            return None
        with self.reading_record(run_id):
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(record, dict) or record.get("status") not in STATES:
                raise ValueError("it does not say how the run ended")
            float(record.get("seconds", 0.0))
            return record

    def reading_record(self, run_id: str) -> AbstractContextManager[None]:
        """Turn what a damaged record of the run ``run_id`` provokes into one sentence."""
        mend = "remove it and run the study again, which redoes this run"
        return reading(self.record_path(run_id), "the record of a run", mend)

    def has_facts(self) -> bool:
        """Whether the data of the study have been read."""
        return (self.root / "facts.json").exists()

    def write_facts(self, facts: Facts) -> None:
        """Write ``facts``, what the data of the study are."""
        write_atomic(self.root / "facts.json", pretty_json(asdict(facts)))

    def read_facts(self) -> Facts:
        """Read what the data of the study are.

        Raises
        ------
        InputError
            If the study was never started, or the file is damaged.
        """
        path, mend = self.root / "facts.json", "remove it and run the study again, which keeps runs"
        if not path.exists():
            raise InputError(f"{self.root} holds no study that was started: run it first.")
        with reading(path, "the facts of a study", mend):
            return TypeAdapter(Facts).validate_json(path.read_bytes())

    @contextmanager
    def in_use(self) -> Iterator[Callable[[], bool]]:
        """Mark the folder as in use; the callable says whether nobody else uses it any more."""
        with (self.root / ".lock").open("w") as lock:
            # A shared file system without locks: nobody can know to be alone, all leave the stages.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_SH)

            def alone() -> bool:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return False
                return True

            yield alone

    def finished(self) -> set[str]:
        """Return the ids of all runs that have a record."""
        return {path.stem for path in (self.root / "runs").glob("??/*.json")}
