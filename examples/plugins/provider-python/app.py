"""A provider for a vendor that speaks chat completions, in Python. Texts only; whatever else a request holds is named
as a loss. One module per exported interface with a resource: `chat.py` has the decoder."""

import json

import wit_world
from componentize_py_types import Err
from wit_world.exports import catalogue, chat, meta
from wit_world.imports import config, http, secrets, types

from wire import BASE_URL, SCHEMA, begin, close, counted, ended, fault, opened, parsed, piece


def _base_url() -> str:
    settings = json.loads(config.get() or "{}")
    return settings.get("base_url", BASE_URL).rstrip("/")


def _request(method: http.Method, path: str, accept: str, body: dict | None) -> http.Request:
    headers = [http.Header("accept", [http.Piece_Text(accept)])]
    if secrets.has("api_key"):
        headers.append(http.Header("authorization", [http.Piece_Text("Bearer "), http.Piece_Secret("api_key")]))
    if body is None:
        return http.Request(method, [http.Piece_Text(_base_url() + path)], headers, http.Body_Empty(), None)
    headers.append(http.Header("content-type", [http.Piece_Text("application/json")]))
    text = http.Body_Text(json.dumps(body))
    return http.Request(method, [http.Piece_Text(_base_url() + path)], headers, text, None)


def _message(message: types.Message, losses: set[str]) -> dict:
    content = ""
    for part in message.parts:
        if isinstance(part.content, types.Content_Text):
            content += part.content.value
        else:
            losses.add(type(part.content).__name__.removeprefix("Content_").lower())
    return {"role": message.role.name.lower(), "content": content}


class Meta(wit_world.exports.Meta):
    def describe(self) -> meta.Info:
        return meta.Info("provider-python", "0.1.0", "A vendor that speaks chat completions, in Python")

    def config_schema(self) -> str:
        return json.dumps(SCHEMA)

    def validate_config(self, config: str) -> None:
        return None


class Errors(wit_world.exports.Errors):
    def decode_error(self, res: http.Response) -> types.Fault:
        kinds = {
            400: types.FaultKind_InvalidRequest,
            401: types.FaultKind_Unauthorized,
            403: types.FaultKind_Forbidden,
            404: types.FaultKind_NotFound,
            429: types.FaultKind_RateLimited,
        }
        kind = kinds.get(res.head.status, types.FaultKind_Upstream)()
        said = (parsed(res.body.value) or {}).get("error", {}).get("message")
        refused = fault(kind, said or f"the vendor answered {res.head.status}", res.head.status != 400)
        for field in res.head.headers:
            if field.name == "retry-after" and field.value.isdigit():
                refused.retry_after_ms = int(field.value) * 1000
        return refused


class Catalogue(wit_world.exports.Catalogue):
    def models_request(self, ctx: types.CallContext, cursor: str | None) -> http.Request | None:
        return _request(http.Method.GET, "/models", "application/json", None)

    def models(self, res: http.Response | None) -> catalogue.Page:
        listed = (parsed(res.body.value) or {}).get("data", []) if res else []
        models = [catalogue.Model(entry["id"], None, None, None, [], None, None) for entry in listed]
        return catalogue.Page(models, None)


class Chat(wit_world.exports.Chat):
    def encode(self, req: types.ChatRequest, headers: list[http.Field], ctx: types.CallContext) -> chat.Outbound:
        losses = {"tools"} if req.tools else set()
        messages = [_message(message, losses) for message in req.messages]
        body: dict = {"model": req.model, "messages": messages, "stream": req.stream}
        if req.stream:
            body["stream_options"] = {"include_usage": True}
        if req.sampling.temperature is not None:
            body["temperature"] = req.sampling.temperature
        if req.sampling.max_output_tokens is not None:
            body["max_tokens"] = req.sampling.max_output_tokens
        accept = "text/event-stream" if req.stream else "application/json"
        framing = http.Framing.SSE if req.stream else http.Framing.RAW
        request = _request(http.Method.POST, "/chat/completions", accept, body)
        added = ["stream_options.include_usage"] if req.stream else []
        return chat.Outbound(request, framing, sorted(losses), added)

    def decode_unary(self, res: http.Response, ctx: types.CallContext) -> list[types.Event]:
        answer = parsed(res.body.value) or {}
        choices = answer.get("choices") or [{}]
        if choices[0].get("finish_reason") is None:
            raise Err(fault(types.FaultKind_Protocol(), "the vendor's answer is none", True))
        text = choices[0].get("message", {}).get("content") or ""
        events = [begin(answer), opened(), piece(text), close(), ended(choices[0]["finish_reason"])]
        return events + ([counted(answer["usage"])] if answer.get("usage") else [])
