"""One device of the house against the others: `unshare --net python -m tests.hub.web.crowd STORY`.

The network namespace has nothing but the addresses of the house. Each story prints what the others got, as JSON.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from device.hub.hub import Hub
from device.settings.load import parse
from tests.hub.hub_running import run, running
from tests.hub.web.builders import PASSWORD, format_request, get_port, open_to_network

V4, V6 = "192.0.2.1", "2001:db8::1"
HOUSE_4 = [f"192.0.2.{number}" for number in range(10, 40)]
HOUSE_6 = [f"2001:db8::{number:x}" for number in range(0x10, 0x40)]


def build_network() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (f"{V4}/24", *(f"{one}/32" for one in HOUSE_4)):
        subprocess.run(["ip", "addr", "add", address, "dev", "lo"], check=True)
    for address in (V6, *HOUSE_6):
        subprocess.run(["ip", "addr", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)


class House:
    """The devices of the house, each with its own address."""

    def __init__(self, hub: Hub) -> None:
        self.port = get_port(hub)

    async def log_in(self, source: str, password: str, **headers: str) -> tuple[int, str]:
        """(status, cookie)."""
        target = f"[{V6}]" if ":" in source else V4
        connector = aiohttp.TCPConnector(local_addr=(source, 0))
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
            url = f"http://{target}:{self.port}/login"
            async with client.post(url, json={"password": password}, headers=headers) as answer:
                return answer.status, "; ".join(f"{k}={one.value}" for k, one in answer.cookies.items())

    async def look(self, source: str, cookie: str) -> int:
        """The status of the state for who has logged in; 0 without an answer."""
        target = f"[{V6}]" if ":" in source else V4
        try:
            connector = aiohttp.TCPConnector(local_addr=(source, 0))
            async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
                url = f"http://{target}:{self.port}/api/state"
                async with client.get(url, headers={"Cookie": cookie}) as answer:
                    return answer.status
        except (aiohttp.ClientError, OSError):
            return 0


async def guess(house: House) -> Any:
    """Twelve IPv4 addresses guess passwords; others give the right one."""
    await asyncio.gather(*(house.log_in(one, f"wrong {n}") for one in HOUSE_4[:12] for n in range(6)))
    return [(await house.log_in(one, PASSWORD))[0] for one in HOUSE_4[12:20]]


async def guess_in_a_64(house: House) -> Any:
    """One IPv6 device guesses five passwords; its neighbours in the /64 give the right one."""
    wrong = [(await house.log_in(HOUSE_6[0], f"wrong {n}"))[0] for n in range(6)]
    right = [(await house.log_in(one, PASSWORD))[0] for one in HOUSE_6[1:5]]
    everywhere = [(await house.log_in(one, "wrong"))[0] for one in HOUSE_6[5:40]]
    known = (await house.log_in(HOUSE_6[1], PASSWORD))[0]
    return {"wrong": wrong, "right": right, "refused": everywhere.count(429), "known": known}


async def hold_connections(house: House) -> Any:
    """Four addresses hold all the connections that they can get; who has logged in before comes again."""
    _, cookie = await house.log_in(HOUSE_4[20], PASSWORD)
    held = []
    for source in HOUSE_4[:4]:
        for _ in range(40):
            held.append(await asyncio.open_connection(V4, house.port, local_addr=(source, 0)))  # noqa: PERF401
    await asyncio.sleep(0.5)
    found = [await house.look(HOUSE_4[20], cookie) for _ in range(10)]
    for _, writer in held:
        writer.close()
    return found


async def flood(house: House) -> Any:
    """One address sends more requests than it may; a neighbour in its /64 and who is logged in behind it go on."""
    _, cookie = await house.log_in(HOUSE_6[0], PASSWORD)
    reader, writer = await asyncio.open_connection(V6, house.port, local_addr=(HOUSE_6[0], 0))
    writer.write(format_request("/api/state", f"[{V6}]").replace(b"Connection: close\r\n", b"") * 400)
    flooded = b""
    while flooded.count(b"HTTP/1.1 ") < 400 and (piece := await reader.read(65_536)):
        flooded += piece
    writer.close()
    _, neighbour = await house.log_in(HOUSE_6[1], PASSWORD)
    return {
        "refused": flooded.count(b"HTTP/1.1 429"),
        "logged in": await house.look(HOUSE_6[0], cookie),
        "neighbour": await house.look(HOUSE_6[1], neighbour),
    }


STORIES = {one.__name__: one for one in (guess, guess_in_a_64, hold_connections, flood)}


def main() -> None:
    build_network()
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        text = f'[home]\nname = "test"\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n[kiosk]\nport = 0\n'
        settings = open_to_network(parse(text, "crowd"), Path(folder), "::")

        async def story() -> None:
            async with running(settings) as hub:
                print(json.dumps(await STORIES[sys.argv[1]](House(hub))))

        run(story(), 90)


if __name__ == "__main__":
    main()
