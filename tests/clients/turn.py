"""One turn of an agent by a vendor's library: what is asked, the calls that the model makes, their answers, the end.

Run by `tests/it/clients/matrix.rs` in a folder that it furnished, with BASE_URL, API_KEY, MODEL, PROMPT and WIRE (`chat`,
`responses` or `messages`) in the environment. Prints the text of the last answer.
"""

import base64
import os
from pathlib import Path

BASE_URL, MODEL, PROMPT = (os.environ[name] for name in ("BASE_URL", "MODEL", "PROMPT"))
SETTINGS = {"api_key": os.environ["API_KEY"], "max_retries": 0, "timeout": 60}
SCHEMA = {"type": "object", "properties": {"file": {"type": "string"}}, "required": ["file"]}
PICTURE = base64.b64encode(Path("pixel.png").read_bytes()).decode()
SHOWS = "picture" in PROMPT


def read(arguments):
    return Path(arguments["file"]).read_text()


def chat():
    import json

    import openai

    client = openai.OpenAI(base_url=f"{BASE_URL}/v1", **SETTINGS)
    content = [{"type": "text", "text": PROMPT}]
    if SHOWS:
        content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}})
    messages = [{"role": "user", "content": content}]
    tools = [{"type": "function", "function": {"name": "read", "description": "Reads a file", "parameters": SCHEMA}}]
    while True:
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as stream:
            for _ in stream:
                pass
            choice = stream.get_final_completion().choices[0]
        if choice.finish_reason == "stop":
            return choice.message.content
        assert choice.finish_reason == "tool_calls", choice
        messages.append(choice.message.model_dump(exclude_none=True, exclude={"parsed"}))
        for call in choice.message.tool_calls:
            answer = read(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})


def responses():
    import json

    import openai

    client = openai.OpenAI(base_url=f"{BASE_URL}/v1", **SETTINGS)
    content = [{"type": "input_text", "text": PROMPT}]
    if SHOWS:
        content.append({"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"})
    history = [{"role": "user", "content": content}]
    tools = [{"type": "function", "name": "read", "description": "Reads a file", "parameters": SCHEMA, "strict": False}]
    while True:
        with client.responses.stream(
            model=MODEL, input=history, tools=tools, store=False, include=["reasoning.encrypted_content"]
        ) as stream:
            for _ in stream:
                pass
            answer = stream.get_final_response()
        assert answer.status == "completed", answer
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        history += [item.model_dump(exclude_unset=True, exclude={"parsed_arguments"}) for item in answer.output]
        for call in calls:
            output = read(json.loads(call.arguments))
            history.append({"type": "function_call_output", "call_id": call.call_id, "output": output})


def messages():
    import anthropic

    client = anthropic.Anthropic(base_url=BASE_URL, **SETTINGS)
    content = [{"type": "text", "text": PROMPT}]
    if SHOWS:
        source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
        content.append({"type": "image", "source": source})
    history = [{"role": "user", "content": content}]
    tools = [{"name": "read", "description": "Reads a file", "input_schema": SCHEMA}]
    while True:
        with client.messages.stream(model=MODEL, max_tokens=1000, messages=history, tools=tools) as stream:
            message = stream.get_final_message()
        if message.stop_reason == "end_turn":
            return "".join(block.text for block in message.content if block.type == "text")
        assert message.stop_reason == "tool_use", message
        history.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": read(block.input)}
            for block in message.content
            if block.type == "tool_use"
        ]
        history.append({"role": "user", "content": results})


print({"chat": chat, "responses": responses, "messages": messages}[os.environ["WIRE"]]())
