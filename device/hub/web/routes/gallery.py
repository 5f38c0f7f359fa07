"""Serves the gallery's pictures over HTTP: the indexed ones and the drawn ones."""

import asyncio
from functools import partial

from aiohttp import web

from device.emotions import Emotion
from device.hub.gallery import drawn_faces
from device.hub.gallery.selector import DRAWN, GallerySelector
from device.hub.web.responses import error

_NO_SCRIPTS = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""An SVG opened by its URL is a separate document, which must not run scripts."""


def routes(pictures: GallerySelector) -> list[web.RouteDef]:
    """The routes to add to the server."""
    return [
        web.get("/api/gallery/{name:[0-9a-f]+}.jpg", partial(_get_picture, pictures)),
        web.get("/api/gallery/drawn/{face}.svg", _get_drawn),
    ]


async def _get_picture(pictures: GallerySelector, request: web.Request) -> web.Response:
    try:
        content = await asyncio.to_thread(pictures.read_thumbnail, request.match_info["name"])
    except KeyError:
        return error(404, "the gallery has no such picture")
    return web.Response(body=content, content_type="image/jpeg")


async def _get_drawn(request: web.Request) -> web.Response:
    face = request.match_info["face"]
    if face not in DRAWN:
        return error(404, "there is no such drawn face")
    emotion, _, person = face.partition("-")
    svg = drawn_faces.draw(Emotion(emotion), int(person))
    return web.Response(text=svg, content_type="image/svg+xml", headers={"Content-Security-Policy": _NO_SCRIPTS})
