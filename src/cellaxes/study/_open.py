"""What every engine does before the first run and after the last."""

from collections.abc import Callable

from cellaxes._core.parts import sweep
from cellaxes.noise import THINNING
from cellaxes.study._execute import Bench
from cellaxes.study._groups import missing
from cellaxes.study._prepare import Material, reload
from cellaxes.study._spec import StudySpec
from cellaxes.study._stages import Stages
from cellaxes.study._store import Store


def opened(store: Store, spec: StudySpec, material: Material | None = None) -> Bench:
    """Keep the facts and the unthinned counts of a study; return what its runs read."""
    material = reload(spec) if material is None else material
    if not store.has_facts() or store.read_facts() != material.facts:
        store.write_facts(material.facts)
    stages = Stages(store.stages, _named(spec), noise=spec.noise, modality=material.modality)
    stages.put_full(material.counts)
    return Bench(store, stages, material.signals, material.embeddings, material.annotations)


def _named(spec: StudySpec) -> str:
    """Return what the stages of a study are made from."""
    kind = [] if spec.noise == THINNING else [spec.noise]
    return ":".join([spec.data, str(spec.layer), *kind])


def tidy(store: Store, spec: StudySpec, alone: Callable[[], bool]) -> None:
    """Remove what killed workers left if nobody else is at work; of a complete study, the stages.

    Workers of an array come and go: while runs are missing, the next one reads the stages.
    """
    if alone():
        sweep(store.root)
        if not missing(spec, store):
            Stages(store.stages, "").clear()
