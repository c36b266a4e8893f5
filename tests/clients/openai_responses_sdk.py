"""The official OpenAI SDK's Responses against a running gateway.

Run by `tests/it/clients.rs`, which names the service in the environment: BASE_URL, API_KEY and MODEL. Each check prints
`ok NAME`; the first that fails ends the run with a traceback.
"""

import json
import os

import openai
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent
from pydantic import TypeAdapter

MODEL = os.environ["MODEL"]
client = openai.OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"], max_retries=0, timeout=30
)
EVENT = TypeAdapter(ResponseStreamEvent)
ITEM = TypeAdapter(ResponseItem)
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


def refused(kind, call, code=None, param=None):
    try:
        call()
    except kind as error:
        assert (error.code, error.param) == (code, param), error
        return error
    raise AssertionError("refused")


def state():
    first = client.responses.create(model=MODEL, input="one")
    with client.responses.stream(model=MODEL, input="two", previous_response_id=first.id) as stream:
        for _ in stream:
            pass
        second = stream.get_final_response()
    third = client.responses.create(
        model=MODEL, input=[{"role": "user", "content": "three"}], previous_response_id=second.id
    )
    kept = client.responses.retrieve(third.id)
    strictly(kept, Response)
    assert kept.store and kept.previous_response_id == second.id, kept
    assert kept.output_text == third.output_text == "scripted: three", kept
    # Three pages, and the library goes from one to the next.
    listed = list(client.responses.input_items.list(third.id, order="asc", limit=2))
    for item in listed:
        ITEM.validate_python(item.model_dump(exclude_unset=True))
    said = [part.text for item in listed for part in item.content]
    assert said == ["one", "scripted: one", "two", "scripted: two", "three"], listed
    newest = client.responses.input_items.list(third.id, limit=1)
    assert [item.id for item in newest.data] == [listed[-1].id] and newest.has_more, newest
    error = refused(openai.BadRequestError, lambda: client.responses.cancel(third.id), "response_not_cancellable")
    assert "Cannot cancel a synchronous response." in str(error), error
    client.responses.delete(third.id)
    for call in (client.responses.retrieve, client.responses.delete, client.responses.input_items.list):
        error = refused(openai.NotFoundError, lambda: call(third.id), "response_not_found")
        assert f"Response with id '{third.id}' not found." in str(error), error
    again = client.responses.create(model=MODEL, input="four", previous_response_id=second.id, store=False)
    refused(openai.NotFoundError, lambda: client.responses.retrieve(again.id), "response_not_found")


def history_by_hand():
    """The other way that the vendor's guide shows: every item sent again, ids and all."""
    history = [{"role": "user", "content": "one"}]
    answer = client.responses.create(model=MODEL, input=history)
    history += answer.output
    history.append({"role": "user", "content": "two"})
    assert client.responses.create(model=MODEL, input=history).output_text == "scripted: two"


def errors():
    for gone in ("resp_x", client.responses.create(model=MODEL, input="x", store=False).id):
        error = refused(
            openai.BadRequestError,
            lambda: client.responses.create(model=MODEL, input="x", previous_response_id=gone),
            "previous_response_not_found",
            "previous_response_id",
        )
        assert f"Previous response with id '{gone}' not found." in str(error), error
    for member, value in (("background", True), ("conversation", "conv_1")):
        refused(
            openai.BadRequestError,
            lambda: client.responses.create(model=MODEL, input="x", extra_body={member: value}),
            "unsupported_parameter",
            member,
        )


for check in (whole, streamed, tools, state, history_by_hand, errors):
    check()
    print("ok", check.__name__)
