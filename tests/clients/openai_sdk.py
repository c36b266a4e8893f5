"""The official OpenAI SDK against a running gateway.

Run by `tests/it/clients.rs`, which starts the service and names it in the environment:
BASE_URL, API_KEY and MODEL; LIMITED_BASE_URL and LIMITED_API_KEY (a service that allows two requests a minute).
Each check prints `ok NAME`; the first that fails ends the run with a traceback.
"""

import base64
import json
import os

import openai

BASE_URL = os.environ["BASE_URL"]
API_KEY = os.environ["API_KEY"]
MODEL = os.environ["MODEL"]
client = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=30)

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "The time in a zone",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    },
}
TWO_CALLS = 'call weather({"city":"Oslo"}); call clock({"zone":"UTC"})'
RESULTS = {"weather": "snow", "clock": "noon"}


def models():
    listed = client.models.list().data
    assert "brains-auto" in [model.id for model in listed], listed
    for model in listed:
        assert model.object == "model" and model.created is not None and model.owned_by, model
    one = client.models.retrieve(MODEL)
    assert one.id == MODEL, one


def whole():
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "hello world"}]
    )
    answer = raw.parse()
    assert answer.object == "chat.completion" and answer.id, answer
    assert answer.choices[0].message.content.endswith("hello world"), answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0, answer
    assert raw.headers["x-brains-trace-id"] and raw.headers["x-brains-model"], raw.headers
    assert answer._request_id, "x-request-id"


def streamed():
    chunks = list(
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello world"}], stream=True)
    )
    assert chunks[0].choices[0].delta.role == "assistant", chunks[0]
    assert len({chunk.id for chunk in chunks}) == 1 and len({chunk.model for chunk in chunks}) == 1, chunks
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.endswith("hello world"), text
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"], chunks
    assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"


def include_usage():
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "hello world"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0, chunks[-1]
    assert all(chunk.usage is None for chunk in chunks[:-1]), chunks


def answers(calls):
    return [
        {"role": "tool", "tool_call_id": call.id, "content": RESULTS[call.function.name]} for call in calls
    ]


def check_calls(calls):
    assert [call.function.name for call in calls] == ["weather", "clock"], calls
    assert json.loads(calls[0].function.arguments) == {"city": "Oslo"}, calls
    assert json.loads(calls[1].function.arguments) == {"zone": "UTC"}, calls
    assert len({call.id for call in calls}) == 2, calls


def tool_loop():
    messages = [{"role": "user", "content": TWO_CALLS}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER, CLOCK])
    calls = first.choices[0].message.tool_calls
    assert first.choices[0].finish_reason == "tool_calls", first
    check_calls(calls)
    # An assistant turn without a `content` member, as agents send it.
    turn = {"role": "assistant", "tool_calls": [call.model_dump(exclude_none=True) for call in calls]}
    messages += [turn, *answers(calls)]
    last = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER, CLOCK])
    assert last.choices[0].finish_reason == "stop", last
    assert "snow" in last.choices[0].message.content and "noon" in last.choices[0].message.content, last


def tool_loop_streamed():
    with client.chat.completions.stream(
        model=MODEL, messages=[{"role": "user", "content": TWO_CALLS}], tools=[WEATHER, CLOCK]
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert final.choices[0].finish_reason == "tool_calls", final
    check_calls(calls)


def image():
    pixel = base64.b64encode(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffff3f0005fe02fea735"
            "8199000000004945"
            "4e44ae426082"
        )
    ).decode()
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what is this"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixel}"}},
                ],
            }
        ],
    )
    assert "what is this" in answer.choices[0].message.content and "[image]" in answer.choices[0].message.content, answer


def json_schema():
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "plan a trip"}],
        response_format={"type": "json_schema", "json_schema": {"name": "trip", "schema": schema, "strict": True}},
    )
    value = json.loads(answer.choices[0].message.content)
    assert isinstance(value["city"], str) and isinstance(value["days"], int) and set(value) == {"city", "days"}, value


def refused(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        assert error.request_id, "request_id"
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def errors():
    hello = [{"role": "user", "content": "hi"}]
    wrong = openai.OpenAI(base_url=BASE_URL, api_key="wrong", max_retries=0, timeout=30)
    error = refused(openai.AuthenticationError, lambda: wrong.chat.completions.create(model=MODEL, messages=hello))
    assert error.code == "invalid_api_key", error.body
    error = refused(openai.NotFoundError, lambda: client.chat.completions.create(model="no-such-model", messages=hello))
    assert error.code == "model_not_found" and error.param == "model", error.body
    limited = openai.OpenAI(
        base_url=os.environ["LIMITED_BASE_URL"], api_key=os.environ["LIMITED_API_KEY"], max_retries=0, timeout=30
    )

    def often():
        for _ in range(4):
            limited.chat.completions.create(model="brains-auto", messages=hello)

    error = refused(openai.RateLimitError, often)
    assert error.code == "rate_limit_exceeded" and int(error.response.headers["retry-after"]) >= 1, error.body


for check in (
    models, whole, streamed, include_usage, tool_loop, tool_loop_streamed, image, json_schema, errors,
):
    check()
    print("ok", check.__name__)
