"""The official Anthropic SDK against a running gateway.

Run by `tests/it/messages/real_clients.rs`, which starts the service and names it in the environment: BASE_URL, API_KEY and
MODEL. Each check prints `ok NAME`; the first that fails ends the run with a traceback.
"""

import os

import anthropic

MODEL = os.environ["MODEL"]
client = anthropic.Anthropic(
    base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"], max_retries=0, timeout=30
)

WEATHER = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(content, **members):
    return dict(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": content}], **members)


def models():
    ids = [model.id for model in client.models.list(limit=1000)]
    assert "claude-brains-auto" in ids, ids
    assert client.models.retrieve("claude-brains-auto").display_name


def whole():
    raw = client.messages.with_raw_response.create(**ask("hello world"))
    message = raw.parse()
    assert message.type == "message" and message.role == "assistant" and message.id, message
    assert message.content[0].text.endswith("hello world"), message
    assert message.stop_reason == "end_turn", message
    assert message.usage.output_tokens > 0, message
    assert raw.headers["x-brains-trace-id"] and message._request_id, raw.headers


def streamed():
    with client.messages.stream(**ask("hello world")) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text.endswith("hello world") and message.content[0].text == text, message
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0, message


def tools():
    for streams in (False, True):
        request = ask('call weather({"city":"Oslo"})', tools=[WEATHER])
        if streams:
            with client.messages.stream(**request) as stream:
                message = stream.get_final_message()
        else:
            message = client.messages.create(**request)
        assert message.stop_reason == "tool_use", message
        call = message.content[-1]
        assert (call.type, call.name, call.input) == ("tool_use", "weather", {"city": "Oslo"}), call
        request["messages"] += [
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "snow"}]},
        ]
        assert client.messages.create(**request).content[0].text.endswith("snow")


def errors():
    for change, kind in [
        (lambda: client.messages.create(**{**ask("x"), "model": "nobody/knows"}), anthropic.NotFoundError),
        (lambda: client.messages.create(**{**ask("x"), "messages": []}), anthropic.BadRequestError),
        (lambda: client.with_options(api_key="wrong").messages.create(**ask("x")), anthropic.AuthenticationError),
    ]:
        try:
            change()
        except kind as error:
            assert error.body["type"] == "error" and error.body["error"]["message"], error.body
        else:
            raise AssertionError(kind)


for check in (models, whole, streamed, tools, errors):
    check()
    print("ok", check.__name__)
