"""The page of the winning solutions names the tests that hold their errors out: these are there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "winning_solutions.md").read_text()


def test_every_test_that_the_page_names_is_there():
    files = {path.name: path.read_text() for path in HERE.glob("test_perturbation_*.py")}
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", PAGE))
    assert len(named) > 20
    whole = "\n".join(files.values())
    assert {name for name in named if f"def {name}(" not in whole} == set()
    for file, name in re.findall(r"\b(test_\w+\.py)::(test_\w+)", PAGE):
        assert f"def {name}(" in files[file]
