"""Every answer and every event that clients get, as it is kept, against the schemas of the vendors' own SDKs.

The SDKs build their objects without a check; here each is validated, and what a schema does not know is counted as wrong
unless it is a documented extension.
"""

import json
import os
import pathlib
import sys

import anthropic.types
import openai.types.chat
import openai.types.responses
import pydantic

TOLD = pathlib.Path(os.environ["GOLDEN"]) / "told"

# By the SDK's type: what vendors send and their types leave out, and extensions of chat completions that vendors share, which are
# thoughts in words and their marks, places that a piece of a text rests on, and counts of what went into a cache.
KNOWN = {
    "Response.store",
    "ResponseCustomToolCall.status",
    "ResponseFunctionCallArgumentsDoneEvent.name",
    "Logprob.bytes",
    "ChatCompletionMessage.reasoning_content",
    "ChatCompletionMessage.reasoning_details",
    "ChoiceDelta.reasoning_content",
    "ChoiceDelta.reasoning_details",
    "ChoiceDelta.annotations",
    "ChatCompletionMessageCustomToolCall.extra_content",
    "ChatCompletionMessageFunctionToolCall.extra_content",
    "ChoiceDeltaToolCall.extra_content",
    "CompletionUsage.cache_creation",
    "CompletionUsage.service_tier",
    "PromptTokensDetails.cache_write_tokens",
    "InputTokensDetails.cache_write_tokens",
    "MessageDeltaUsage.cache_creation",
    "MessageDeltaUsage.service_tier",
}
# The SDK has no type for pieces of calls with free text, though the vendor streams them.
CUSTOM_PIECES = {"custom"}


def adapter(kind):
    return pydantic.TypeAdapter(kind)


WHOLE = {
    "chat": adapter(openai.types.chat.ChatCompletion),
    "responses": adapter(openai.types.responses.Response),
    "messages": adapter(anthropic.types.Message),
}
EVENT = {
    "chat": adapter(openai.types.chat.ChatCompletionChunk),
    "responses": adapter(openai.types.responses.ResponseStreamEvent),
    "messages": adapter(anthropic.types.RawMessageStreamEvent),
}


def strangers(value):
    """Members that no type of the SDK has, wherever they stand."""
    if isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            yield f"{type(value).__name__}.{name}"
        for name in type(value).model_fields:
            yield from strangers(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strangers(item)


def check(kind, data, place, wrong):
    body = json.loads(data)
    for choice in body.get("choices", []) if body.get("object") == "chat.completion.chunk" else []:
        for call in choice["delta"].get("tool_calls", []):
            if CUSTOM_PIECES & call.keys():
                call.pop("custom")
                call.pop("type", None)
    try:
        read = kind.validate_json(json.dumps(body), strict=True)
    except pydantic.ValidationError as error:
        wrong.append(f"{place}: {error}")
        return
    for stranger in strangers(read):
        if stranger not in KNOWN:
            wrong.append(f"{place}: `{stranger}` is unknown")


def events(text):
    for frame in text.split("\n\n"):
        lines = [line for line in frame.split("\n") if line]
        data = [line[len("data: ") :] for line in lines if line.startswith("data: ")]
        if data and data != ["[DONE]"]:
            named = [line[len("event: ") :] for line in lines if line.startswith("event: ")]
            assert not named or json.loads(data[0])["type"] == named[0], frame
            yield data[0]


def main():
    wrong, answers, pieces = [], 0, 0
    for path in sorted(TOLD.iterdir()):
        client = path.name.split(".")[1]
        text = path.read_text()
        if text.startswith("-- "):
            continue
        if path.suffix == ".json":
            answers += 1
            check(WHOLE[client], text, path.name, wrong)
        else:
            for number, event in enumerate(events(text)):
                pieces += 1
                check(EVENT[client], event, f"{path.name}#{number}", wrong)
    # The checks see what they are there for.
    planted = []
    text = (TOLD / "text.messages.chat.json").read_text()
    check(WHOLE["messages"], text.replace('"end_turn"', '"ended"'), "planted", planted)
    check(WHOLE["messages"], text.replace('"type":"text"', '"type":"text","x_odd":1'), "planted", planted)
    assert len(planted) == 2, planted
    print(f"{answers} answers, {pieces} events")
    assert answers >= 150 and pieces >= 1500, (answers, pieces)
    if wrong:
        sys.exit("\n".join(wrong[:40]) + f"\n{len(wrong)} wrong")


main()
