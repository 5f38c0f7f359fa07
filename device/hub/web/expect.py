"""The header `Expect`: aiohttp answers it before every check; Mien takes it out, and answers after them."""

from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

_WAITS = "waits for permission"


def without_expect(factory: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """`factory` makes a request of aiohttp's parsed message; the result takes the header out of it first."""

    def make(message: Any, *rest: Any) -> web.BaseRequest:  # noqa: ANN401 - aiohttp's own types
        if hdrs.EXPECT not in message.headers:
            return factory(message, *rest)
        headers = CIMultiDict(message.headers)
        expected = headers.popall(hdrs.EXPECT)
        request = factory(message._replace(headers=CIMultiDictProxy(headers)), *rest)
        request[_WAITS] = [one.lower() for one in expected] == ["100-continue"]
        return request

    return make


def allow_body(request: web.Request) -> None:
    """Tell a client that waits for it that it may send the body now."""
    if request.get(_WAITS) and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
