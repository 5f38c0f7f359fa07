"""Answers in JSON, the refusals too."""

import msgspec
from aiohttp import web


def json(document: object, status: int = 200) -> web.Response:
    """`document` as msgspec writes it."""
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json")


def error(status: int, text: str) -> web.Response:
    """What was wrong, for a person."""
    return json({"error": text}, status)
