"""What the tests share."""

import html
import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata
import matplotlib
import pytest
from hypothesis import settings

import cellaxes as cx

matplotlib.use("Agg")
# The same examples in every run: a bound on an estimate is met by most seeds, not by all.
settings.register_profile("cellaxes", derandomize=True, deadline=None)
settings.load_profile("cellaxes")

TORCH = importlib.util.find_spec("torch") is not None
NEEDS_NO_TORCH = ("house", "joint_law", "plan", "scaling", "signal", "thin", "zoo")
"""Files of tests that must pass without PyTorch."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Skip, where PyTorch is not installed, what turns out to need it."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    named = getattr(error, "name", None) or str(error)
    if not TORCH and report.failed and "torch" in named and not _without_torch(item.path):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, "Skipped: needs PyTorch")
    return report


def _without_torch(path: Path) -> bool:
    return path.stem.removeprefix("test_") in NEEDS_NO_TORCH


_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the large real data, which live beside the repository."""
    if not _SHARED.is_dir():
        pytest.skip(f"needs the shared data in {_SHARED}")
    return _SHARED


@pytest.fixture(scope="session")
def cells() -> anndata.AnnData:
    """600 simulated cells with counts, types and proteins; copy before changing."""
    return cx.datasets.simulated_counts(random_state=1)


@pytest.fixture(scope="session")
def cells_file(cells: anndata.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cells as a file."""
    path = tmp_path_factory.mktemp("data") / "cells.h5ad"
    cells.write_h5ad(path)
    return path


# ---- a page in a real browser ------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)

CATCH = """<script>window.faults = [];
addEventListener("error", (e) => faults.push(e.message));
addEventListener("unhandledrejection", (e) => faults.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => faults.push("fetched " + e.blockedURI));
</script>"""

TOOLS = """<script>(async () => {
const $ = (q) => document.querySelector(q), all = (q) => [...document.querySelectorAll(q)];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
TOOLS_OF_PAGE
const press = (key) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
let out;
try { out = await (async () => { SCRIPT })(); } catch (e) { out = { thrown: String(e.stack) }; }
const text = JSON.stringify({ ...out, faults });
if (parent !== window) parent.postMessage(text, "*");
else { const pre = document.createElement("pre"); pre.id = "probe"; pre.textContent = text;
  document.body.append(pre); }
})();</script></body>"""

WRAPPER = """<!doctype html><body style="margin:0"><script>
addEventListener("message", (e) => { const pre = document.createElement("pre"); pre.id = "probe";
  pre.textContent = e.data; document.body.append(pre); });
</script><iframe src="page.html" style="border:0;width:390px;height:844px"></iframe></body>"""


class Browser:
    """Opens a page, runs a script in it and returns what the script returned."""

    def __init__(self, folder: Path, tools: str = ""):
        self.folder = folder
        self.tools = tools

    def run(self, page: str, script: str, *, hash_: str = "", phone=False, wait=3000) -> dict:
        page = page.replace("<head>", "<head>" + CATCH, 1)
        page = page.replace(
            "</body>", TOOLS.replace("TOOLS_OF_PAGE", self.tools).replace("SCRIPT", script)
        )
        (self.folder / "page.html").write_text(page, encoding="utf-8")
        (self.folder / "phone.html").write_text(WRAPPER, encoding="utf-8")
        target = self.folder / ("phone.html" if phone else "page.html")
        said = subprocess.run(
            [
                str(BROWSER),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={self.folder / 'profile'}",
                "--window-size=1280,900",
                *([f"--virtual-time-budget={wait}"] if wait else []),
                "--dump-dom",
                target.as_uri() + hash_,
            ],
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        found = json.loads(html.unescape(re.search(r'<pre id="probe">(.*?)</pre>', said, re.S)[1]))
        assert "thrown" not in found, found["thrown"]
        assert found["faults"] == []
        return found


@pytest.fixture(scope="session")
def new_browser(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Browser]:
    """Give a browser that knows the tools of a page besides the common ones."""
    if BROWSER is None:
        pytest.skip("needs chromium or chrome on PATH")
    return lambda tools: Browser(tmp_path_factory.mktemp("browser"), tools)
