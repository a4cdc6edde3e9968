"""The site must work without a network: no page may ask another host for a file.

A link that a reader may click is no request. What a browser would fetch by itself (scripts, style
sheets, fonts, images) and stands at another host is a warning, which fails the build.
"""

import re
from pathlib import Path
from typing import Any

_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\ssrc=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\srel=["']?(?:stylesheet|preload|icon|preconnect))[^>]*?\shref="""
    r"""["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:@import\s*(?:url\()?|url\()\s*["']?((?:https?:)?//[^"'\s)]+)"""
)


def fetched(text: str) -> list[str]:
    """Return the addresses at other hosts that a page or a style sheet asks for by itself."""
    return ["".join(found) for found in _FETCHED.findall(text)]


def _check(app: Any, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    from sphinx.util import logging  # here, so that `fetched` is there without sphinx

    folder = Path(app.outdir)
    for path in sorted([*folder.rglob("*.html"), *folder.rglob("*.css")]):
        for address in fetched(path.read_text(encoding="utf-8", errors="replace")):
            logging.getLogger(__name__).warning(
                "%s asks the network for %s", path.relative_to(folder), address, type="offline"
            )


def setup(app: Any) -> dict[str, bool]:
    """Look at what was built."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
