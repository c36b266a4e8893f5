"""The same load on the reference product, as its own users put it on: one stdio server for each client.

Prints one JSON object: writes a second, latencies in milliseconds, errors.
"""

import asyncio
import json
import os
import subprocess
import sys
import time

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

CLIENTS = int(sys.argv[1])
SECONDS = float(sys.argv[2])
HOME = sys.argv[3]
PROGRAM = os.path.join(os.path.dirname(sys.executable), "brains")
ENVIRONMENT = {
    "HOME": HOME,
    "BRAINS_STATE_DIR": HOME,
    "BRAINS_DB_URL": f"sqlite:///{HOME}/reference.db",
    "PATH": os.environ["PATH"],
}


def text(result):
    return result.content[0].text if result.content else ""


async def client(number, workspace, turn, began, writes, reads, errors):
    server = StdioServerParameters(command=PROGRAM, args=["mcp", "--mode", "stdio"], env=ENVIRONMENT, cwd=workspace)
    # Starts at the same time fail on each other there; that is not what is measured.
    await turn.acquire()
    with open(os.devnull, "w") as silence:
        async with stdio_client(server, errlog=silence) as (read, write):
            async with ClientSession(read, write) as session:
                await session.initialize()
                started = None
                while started is None or started.isError:
                    started = await session.call_tool("brains.start_session", {"workspace_path": workspace})
                me = json.loads(text(started))["session_id"]
                turn.release()
                began.append(number)
                while len(began) < CLIENTS:
                    await asyncio.sleep(0.05)
                end = time.monotonic() + SECONDS

                async def timed(into, name, arguments):
                    at = time.monotonic()
                    result = await session.call_tool(name, arguments)
                    if result.isError:
                        errors.append(text(result))
                    else:
                        into.append((time.monotonic() - at) * 1000)
                    return result

                while time.monotonic() < end:
                    made = await timed(writes, "brains.create_task", {"workspace_path": workspace, "title": "t"})
                    if not made.isError:
                        code = json.loads(text(made))["code"]
                        await timed(writes, "brains.claim_task", {"task_code": code, "session_id": me})
                        await timed(writes, "brains.complete_task", {"task_code": code, "session_id": me})
                    await timed(writes, "brains.send_message", {"subject": "s", "from_session_id": me, "to_session_id": me})
                    await timed(reads, "brains.list_tasks", {"workspace_path": workspace, "limit": 20})


async def main():
    workspace = os.path.join(HOME, "app")
    os.makedirs(workspace, exist_ok=True)
    # Several first starts at once fail there, so the schema is made before.
    subprocess.run([PROGRAM, "init", workspace], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    writes, reads, errors, began = [], [], [], []
    turn = asyncio.Lock()
    await asyncio.gather(*(client(number, workspace, turn, began, writes, reads, errors) for number in range(CLIENTS)))

    def at(values, share):
        return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0

    print(json.dumps({
        "writes_per_second": len(writes) / SECONDS, "write_p50_ms": at(writes, 0.5), "write_p99_ms": at(writes, 0.99),
        "read_p50_ms": at(reads, 0.5), "read_p99_ms": at(reads, 0.99), "errors": len(errors),
    }))


asyncio.run(main())
