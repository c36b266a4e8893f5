"""The decoder of streamed answers, where componentize-py looks for it."""

from componentize_py_types import Err
from wit_world.exports import chat
from wit_world.imports import http, types

from wire import begin, close, counted, ended, fault, opened, parsed, piece


class Decoder(chat.Decoder):
    def __init__(self) -> None:
        self.started = False
        self.ended = False

    @classmethod
    def open(cls, head: http.Head, ctx: types.CallContext) -> "Decoder":
        return cls()

    def push(self, frames: list[http.Frame]) -> list[types.Event]:
        events: list[types.Event] = []
        for frame in frames:
            if frame.data == "[DONE]":
                continue
            chunk = parsed(frame.data)
            if chunk is None or chunk.get("error"):
                said = (chunk or {}).get("error", {}).get("message")
                raise Err(fault(types.FaultKind_Protocol(), said or "the vendor sent a frame that is no JSON", True))
            if not self.started:
                self.started = True
                events += [begin(chunk), opened()]
            choice = (chunk.get("choices") or [{}])[0]
            if text := choice.get("delta", {}).get("content"):
                events.append(piece(text))
            if word := choice.get("finish_reason"):
                self.ended = True
                events += [close(), ended(word)]
            if chunk.get("usage"):
                events.append(counted(chunk["usage"]))
        return events

    def push_bytes(self, chunk: bytes) -> list[types.Event]:
        raise Err(fault(types.FaultKind_Unsupported(), "this decoder reads frames", False))

    def finish(self, clean: bool) -> list[types.Event]:
        if not self.ended:
            raise Err(fault(types.FaultKind_Protocol(), "the vendor's stream broke off", True))
        return []
