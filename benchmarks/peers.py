"""Environments of peers that want other versions than ours: made once, under .venv-peers.

python benchmarks/peers.py [NAME …]
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".venv-peers"


@cache
def recipes() -> dict[str, list[list[str]]]:
    """Return what each environment installs first, then, and removes at last."""
    lines = (HERE / "peers.txt").read_text().splitlines()
    split = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name: [part.split() for part in parts.split(";")] for name, _, parts in split}


def version_of(name: str) -> str:
    """Return the version that is pinned for a peer."""
    return recipes()[name.removesuffix("-10M")][1][-1].partition("==")[2]


def python(name: str) -> Path:
    """Return the interpreter of an environment, whether it is there or not."""
    return FOLDER / name / "bin" / "python"


def ready(name: str) -> bool:
    """Say whether an environment was made to its end."""
    return (FOLDER / name / "ready").exists()


def make(name: str) -> None:
    """Make an environment, with uv where it is there."""
    first, then, without = recipes()[name]
    pinned = [word for word in first if "==" in word]
    (FOLDER / name).parent.mkdir(exist_ok=True)
    told = FOLDER / f"{name}.txt"
    told.write_text("".join(f"{word}\n" for word in pinned))
    environment = os.environ.copy()
    environment.pop("PYTHONPATH", None)
    if shutil.which("uv"):
        environment.setdefault("UV_FIND_LINKS", environment.get("PIP_FIND_LINKS", ""))
        create = ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, FOLDER / name]
        pip = ["uv", "pip", "{}", "--quiet", "--python", python(name)]
        yes: list[str] = []
    else:
        create = [sys.executable, "-m", "venv", "--clear", FOLDER / name]
        pip, yes = [python(name), "-m", "pip", "{}", "--quiet"], ["--yes"]

    def say(verb: str, words: list[str]) -> None:
        if words:
            head = [verb if word == "{}" else str(word) for word in pip]
            subprocess.run([*head, *words], check=True, env=environment)

    subprocess.run([str(word) for word in create], check=True, env=environment)
    say("install", first)
    say("install", ["--constraint", str(told), *then])
    say("uninstall", [*yes, *without] if without else [])
    (FOLDER / name / "ready").touch()


def main() -> None:
    """Make those that are missing."""
    for name in sys.argv[1:] or recipes():
        if not ready(name):
            make(name)


if __name__ == "__main__":
    main()
