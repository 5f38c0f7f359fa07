"""One request to the web server, and its whole answer."""

from typing import Any

import aiohttp


async def ask(method: str, url: str, **more: Any) -> tuple[int, str, dict[str, str]]:
    async with aiohttp.ClientSession() as client, client.request(method, url, **more) as answer:
        return answer.status, await answer.text(), dict(answer.headers)
