"""The page's own files: what is in device/hub/kiosk/web, and nothing else."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

STATIC_FOLDER = Path(__file__).parents[1] / "static"
_KINDS = {".html", ".css", ".js", ".svg"}
FILES = {
    **{
        f"/{path.name}": path
        for path in sorted(STATIC_FOLDER.iterdir())
        if path.suffix in _KINDS and path.suffix != ".html"
    },
    "/": STATIC_FOLDER / "page.html",
}
"""What is asked for -> the file. No name that comes from outside ever becomes a path."""


def build_etag(files: Iterable[Path]) -> str:
    """Changes with what is in them, or what they are called."""
    found = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        found.update(f"{path.name} {len(content)} ".encode() + content)
    return found.hexdigest()[:16]


BUILD = build_etag(FILES.values())
"""Of this page: one that is open and was told another has been loaded from an older Mien."""


def routes() -> list[web.RouteDef]:
    """For the server."""
    return [*(web.get(name, _file) for name in FILES), web.get("/favicon.ico", _no_icon)]


async def _file(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(FILES[request.path])


async def _no_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)
