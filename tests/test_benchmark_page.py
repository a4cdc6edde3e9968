"""The page of benchmarks hides nothing: losses, misses and what did not run are told."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    if not BENCHMARKS.is_dir():
        pytest.skip("benchmarks are not part of the package that is installed")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import catalogue
    import page
    import records
    import run

    yield catalogue, page, records, run
    for name in ("catalogue", "page", "records", "run", "peers"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("ours", "theirs", "better", "verdict", "ratio"),
    [
        (1.0, 4.0, "lower", "ahead", 4.0),
        (4.0, 1.0, "lower", "behind", 0.25),
        (0.9, 0.6, "higher", "ahead", 1.5),
        (0.6, 0.9, "higher", "behind", 2 / 3),
        (0.6, 0.6, "higher", "level", 1.0),
        (0.5, 0.5, "within", "holds", 1.0),
        (0.6, 0.5, "within", "misses", 0.5 / 0.6),
        (0.5, 0.6, "reach", "misses", 0.5 / 0.6),
    ],
)
def test_a_record_says_who_is_better(modules, ours, theirs, better, verdict, ratio):
    found = modules[2].record("x", ours, theirs, "peer", better=better)
    assert found.verdict == verdict
    assert found.ratio == pytest.approx(ratio)


@pytest.mark.parametrize("better", ["lower", "higher", "within", "reach"])
@pytest.mark.parametrize(("ours", "theirs"), [(float("nan"), 1.0), (1.0, float("nan"))])
def test_what_is_no_number_is_never_told_as_a_success(modules, ours, theirs, better):
    found = modules[2].record("x", ours, theirs, "peer", better=better)
    assert found.verdict in ("behind", "misses")


def test_seconds_alternate_quick_calls_repeat_and_the_first_round_does_not_count(
    modules, monkeypatch
):
    order, clock = [], [0.0]

    def call(name, seconds):
        order.append(name)
        clock[0] += seconds

    span = modules[2].SPAN
    took = {"a": 2 * span, "b": span / 4}
    monkeypatch.setattr(modules[2].time, "process_time", lambda: clock[0])
    calls = {name: (lambda name=name: call(name, took[name])) for name in took}
    found = modules[2].alternate(calls, repeats=2)
    assert "".join(order) == "ab" + "abbbb" * 2
    for name, seconds in found.items():
        np.testing.assert_allclose(seconds, [took[name]] * 2)


def test_losses_and_what_did_not_run_are_on_the_page(modules):
    catalogue, page, records, _ = modules
    first, second, *_ = catalogue.ITEMS
    lost = records.Record("a race", 2.0, 1.0, "peer", version="1.2", unit="CPU s", ratio=0.5)
    won = records.Record("another race", 1.0, 3.0, "peer", ratio=3.0)
    results = {
        first.name: {"item": first.name, "reason": "", "seconds": 3.0,
                     "records": [vars(lost), vars(won)]},
        second.name: {"item": second.name, "reason": "failed with code 1", "seconds": 1.0},
    }  # fmt: skip
    text = page.page(results, "a remark")
    losses = text.partition("## Where we lose")[2].partition("\n## ")[0]
    assert "a race, CPU s | 2 | 1 | peer 1.2 | 0.5 | **behind**" in losses
    assert "another race" not in losses
    assert f"{second.title}: failed with code 1" in text.partition("## What was not run")[2]
    assert "- a remark" in text
    assert "1 ahead of the peer, 0 level, 1 behind" in text


def test_what_failed_is_told_and_tried_again_and_what_is_done_is_kept(modules, tmp_path, capfd):
    catalogue, _, _, run = modules
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    (tmp_path / "fine.py").write_text("print('done')")
    run.HERE = tmp_path
    for name, reason in (("broken", "failed with code 3"), ("fine", "")):
        item = catalogue.Item(name, "Scale", name, f"{name}.py")
        assert run.carry_out(item, tmp_path, tmp_path / "out")["reason"] == reason
        assert (tmp_path / "out" / f"{name}.json").exists() == (not reason)
    missing = catalogue.Item("far", "Scale", "far", "fine.py", ("{shared}",))
    assert run.carry_out(missing, tmp_path / "no", tmp_path / "out")["reason"] == (
        "needs the shared data"
    )


def test_every_item_has_a_script_and_a_known_part(modules):
    catalogue = modules[0]
    for item in catalogue.ITEMS:
        assert (BENCHMARKS / item.script).is_file()
        assert item.part in catalogue.PARTS
    assert len({item.name for item in catalogue.ITEMS}) == len(catalogue.ITEMS)
