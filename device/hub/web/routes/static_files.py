"""The page's own files, from device/hub/web/static."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

STATIC_FOLDER = Path(__file__).parents[1] / "static"
FILES = {
    **{f"/{path.name}": path for path in sorted(STATIC_FOLDER.iterdir()) if path.suffix in {".css", ".js", ".svg"}},
    "/": STATIC_FOLDER / "page.html",
}
"""URL path -> file. A name from a request never becomes a file path."""


def hash_files(files: Iterable[Path]) -> str:
    """A hash of the files' names and contents."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


BUILD = web.AppKey("build", str)
"""Where the server's application has what identifies this version of the page, for the routes. An open page that
receives another one reloads itself."""


def routes() -> list[web.RouteDef]:
    """For the server."""
    return [*(web.get(name, _get_file) for name in FILES), web.get("/favicon.ico", _get_icon)]


async def _get_file(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(FILES[request.path])


async def _get_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)
