"""What the vendor's wire and the canonical events share."""

import json

from wit_world.imports import types

BASE_URL = "https://api.vendor.example/v1"
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "base_url": {
            "type": "string",
            "format": "uri",
            "default": BASE_URL,
            "description": "Where the vendor answers, with the version",
        }
    },
    "additionalProperties": False,
}
REASONS = {
    "stop": types.StopReason_EndTurn,
    "length": types.StopReason_MaxTokens,
    "tool_calls": types.StopReason_ToolUse,
    "content_filter": types.StopReason_ContentFilter,
}


def parsed(text: str | bytes) -> dict | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def fault(kind, message: str, failover: bool) -> types.Fault:
    return types.Fault(kind, message, None, None, failover)


def begin(answer: dict) -> types.Event:
    return types.Event_Start(types.Start(answer.get("id"), answer.get("model"), None))


def opened() -> types.Event:
    return types.Event_BlockStart(types.BlockStart(0, 0, types.BlockKind_Text()))


def piece(text: str) -> types.Event:
    return types.Event_Delta(types.Delta(0, 0, text))


def close() -> types.Event:
    return types.Event_BlockEnd(types.BlockEnd(0, 0, None, None))


def ended(word: str) -> types.Event:
    reason = REASONS[word]() if word in REASONS else types.StopReason_Other(word)
    return types.Event_Finish(types.Finish(0, reason, None))


def counted(usage: dict) -> types.Event:
    taken, made = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return types.Event_Usage(types.Usage(taken, made, 0, 0, 0, None, None))
