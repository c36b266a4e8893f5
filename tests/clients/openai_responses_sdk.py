"""The official OpenAI SDK's Responses against a running gateway.

Run by `tests/it/clients.rs`, which names the service in the environment: BASE_URL, API_KEY and MODEL. Each check prints
`ok NAME`; the first that fails ends the run with a traceback.
"""

import json
import os

import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

MODEL = os.environ["MODEL"]
client = openai.OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"], max_retries=0, timeout=30
)
EVENT = TypeAdapter(ResponseStreamEvent)
TOOLS = [
    {"type": "function", "name": "weather", "strict": False, "parameters": {"type": "object", "properties": {}}},
    {"type": "custom", "name": "patch"},
]
CALLS = 'call weather({"city":"Oslo"}); call patch({"input":"*** x"})'


def strictly(value, kind):
    """The SDK builds its objects without looking; this looks."""
    kind.model_validate(value.model_dump(exclude_unset=True), strict=False)


def whole():
    answer = client.responses.create(model=MODEL, input="hello world", store=False)
    strictly(answer, Response)
    assert answer.output_text.endswith("hello world"), answer
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0, answer


def streamed():
    with client.responses.stream(model=MODEL, input="hello world", store=False) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text.endswith("hello world"), final
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    for event in client.responses.create(model=MODEL, input=CALLS, tools=TOOLS, store=False, stream=True):
        EVENT.validate_python(event.model_dump(exclude_unset=True))


def tools():
    history = [{"role": "user", "content": CALLS}]
    with client.responses.stream(model=MODEL, input=history, tools=TOOLS, store=False) as stream:
        for _ in stream:
            pass
        calls = stream.get_final_response().output
    assert [call.type for call in calls] == ["function_call", "custom_tool_call"], calls
    assert json.loads(calls[0].arguments) == {"city": "Oslo"} and calls[1].input == "*** x", calls
    for call in calls:
        history.append(call.model_dump(exclude_unset=True, exclude={"parsed_arguments"}))
        history.append({"type": call.type + "_output", "call_id": call.call_id, "output": call.name})
    answer = client.responses.create(model=MODEL, input=history, tools=TOOLS, store=False)
    assert answer.output_text == "scripted: weather, patch", answer


def errors():
    try:
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_x")
    except openai.BadRequestError as error:
        assert error.code == "previous_response_not_found", error
        assert error.param == "previous_response_id", error
    else:
        raise AssertionError("refused")


for check in (whole, streamed, tools, errors):
    check()
    print("ok", check.__name__)
