"""The official MCP SDK against a running service.

Run by `tests/it/mcp_clients.rs`, which names in the environment: TRANSPORT (`http`, `connected`, `sse` or `stdio`), WORKSPACE
(a directory with a project), BASE_URL and API_KEY of the MCP listener, or PROGRAM and its state directory BRAINS_HOME for
`stdio`.
Each check prints `ok NAME`; the first that fails ends the run with a traceback.
"""

import asyncio
import json
import os

import httpx2
from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

TRANSPORT = os.environ["TRANSPORT"]
BASE_URL = os.environ.get("BASE_URL", "")
HEADERS = {"Authorization": f"Bearer {os.environ.get('API_KEY', '')}"}


def transport():
    if TRANSPORT == "stdio":
        environment = {name: os.environ[name] for name in ("BRAINS_HOME", "HOME", "PATH")}
        return stdio_client(
            StdioServerParameters(command=os.environ["PROGRAM"], args=["mcp", "--mode", "stdio"], env=environment)
        )
    if TRANSPORT == "sse":
        return sse_client(f"{BASE_URL}/sse", headers=HEADERS)
    return streamable_http_client(f"{BASE_URL}/mcp", http_client=httpx2.AsyncClient(headers=HEADERS))


async def start(session):
    if TRANSPORT == "http":
        await session.discover()
        assert session.protocol_version == "2026-07-28", session.protocol_version
    else:
        await session.initialize()
        await session.send_ping()
    assert session.server_info.name == "brains", session.server_info
    assert "start_session" in session.instructions, session.instructions


async def tools(session):
    listed = (await session.list_tools()).tools
    assert listed, "no tools"
    for tool in listed:
        assert tool.title and tool.description and tool.output_schema and tool.annotations, tool
        for name, schema in tool.input_schema["properties"].items():
            assert schema.get("description"), (tool.name, name)
    names = [tool.name for tool in listed]
    assert "list_models" in names and "create_key" not in names, names


async def read(session):
    # The SDK checks the answer against the tool's schema.
    answer = await session.call_tool("list_models", {})
    assert not answer.is_error, answer
    assert answer.structured_content["models"], answer
    assert json.loads(answer.content[0].text) == answer.structured_content, answer


async def every_reading_tool(session):
    for tool in (await session.list_tools()).tools:
        if tool.annotations.read_only_hint and not tool.input_schema.get("required"):
            answer = await session.call_tool(tool.name, {})
            assert answer.content, (tool.name, answer)


async def refusals(session):
    answer = await session.call_tool("show_trace", {})
    assert answer.is_error and json.loads(answer.content[0].text)["error"]["code"] == "missing_required_parameter", answer
    answer = await session.call_tool("create_key", {"name": "x"})
    assert answer.is_error and json.loads(answer.content[0].text)["error"]["code"] == "people_only", answer
    try:
        await session.call_tool("no_such_tool", {})
    except MCPError as error:
        assert error.error.code == -32602, error
    else:
        raise AssertionError("an unknown tool was called")


async def work(session):
    """A session, a task from its making to its end, and mail to oneself's other half."""
    started = (await session.call_tool("start_session", {"workspace": os.environ["WORKSPACE"], "tool": "sdk"})).structured_content
    # Without a connection nothing but the token tells who calls.
    me = {"session_token": started["session_token"]} if TRANSPORT == "http" else {}
    where = {"workspace": started["workspace"]}
    made = await session.call_tool("create_task", {"title": f"Over {TRANSPORT}", **where, **me})
    assert not made.is_error, made
    taken = await session.call_tool("next_task", {**where, **me})
    assert not taken.is_error and f"Over {TRANSPORT}" in taken.content[0].text, taken
    code = (taken.structured_content.get("task") or taken.structured_content)["code"]
    done = await session.call_tool("complete_task", {"task": code, "summary": "done", **me})
    assert not done.is_error, done
    again = await session.call_tool("complete_task", {"task": code, **me})
    assert again.is_error or "done" in again.content[0].text, again
    waited = await session.call_tool("wait_messages", {"timeout_ms": 50, **me})
    assert not waited.is_error and waited.structured_content["messages"] == [], waited
    assert not (await session.call_tool("end_session", {"summary": "done", **me})).is_error


async def main():
    async with transport() as streams, ClientSession(streams[0], streams[1]) as session:
        for check in (start, tools, read, every_reading_tool, refusals, work):
            await check(session)
            print("ok", check.__name__)


asyncio.run(main())
