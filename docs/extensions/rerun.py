"""Run the cells of a notebook again and write its outputs: ``python rerun.py NOTEBOOK``.

For the tutorial whose data cannot be shipped. What is written holds no times, counts of runs or
paths, so that the same outputs are the same file.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


def rerun(path: Path) -> Any:
    """Return the notebook with new outputs; a cell that fails raises."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = None
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def texts(notebook: Any) -> list[str]:
    """Return what each cell printed or showed, without figures."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            said = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
            found.append("".join(text for text in said if not text.startswith("<Figure")))
    return found


if __name__ == "__main__":
    target = Path(sys.argv[1])
    nbformat.write(rerun(target), target)
