"""Requests without sense: random messages of any protobuf type, and descriptions to match."""

from __future__ import annotations

import random
import string
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from livekit.protocol import rtc

_WORDS = (
    "",
    "a",
    "TR_x",
    "PA_x",
    "0",
    "7",
    "8",
    "audio/opus",
    "video/VP8",
    "é\u2028\x00",
    "x" * 300,
)
_NUMBERS = (0, 1, 2, 5, 127, 255, 65_535, 65_536, 2**31 - 1)


class Dice:
    """Makes messages whose fields are all of the right type and of no meaning."""

    def __init__(self, seed: int, texts: tuple[str, ...] = ()) -> None:
        self.random = random.Random(seed)
        self.texts = (*_WORDS, *texts)

    def fill(self, message: Message, depth: int = 4) -> Message:
        """Set a random choice of the fields of a message."""
        for field in message.DESCRIPTOR.fields:
            if self.random.random() < 0.4:
                self._set(message, field, depth)
        return message

    def request(self, kind: str | None = None) -> rtc.SignalRequest:
        """Return a request of a kind, or of any."""
        request = rtc.SignalRequest()
        fields = request.DESCRIPTOR.fields
        chosen = (
            self.random.choice(fields) if kind is None else request.DESCRIPTOR.fields_by_name[kind]
        )
        self._set(request, chosen, 5)
        return request

    def _set(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        value: Any = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            self._set_map(value, field)
        elif field.message_type is not None:
            if depth <= 0:
                return
            if field.is_repeated:
                for _ in range(self.random.randrange(4)):
                    self.fill(value.add(), depth - 1)
            else:
                self.fill(value, depth - 1)
                value.SetInParent()
        elif field.is_repeated:
            value.extend(self._scalar(field) for _ in range(self.random.randrange(4)))
        else:
            setattr(message, field.name, self._scalar(field))

    def _set_map(self, value: Any, field: FieldDescriptor) -> None:
        key, content = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        for _ in range(self.random.randrange(4)):
            if content.message_type is not None:
                self.fill(value[self._scalar(key)], 1)
            else:
                value[self._scalar(key)] = self._scalar(content)

    def _scalar(self, field: FieldDescriptor) -> Any:
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return self.bytes(20) if field.type == FieldDescriptor.TYPE_BYTES else self.text()
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return self.random.random() < 0.5
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return self.random.choice(field.enum_type.values).number
        if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
            return self.random.choice((0.0, -1.0, 1e30, float("inf"), float("nan")))
        number = self.random.choice(_NUMBERS)
        signed = kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
        return -number if signed and self.random.random() < 0.3 else number

    def text(self) -> str:
        if self.random.random() < 0.8:
            return self.random.choice(self.texts)
        return "".join(self.random.choices(string.printable, k=self.random.randrange(60)))

    def bytes(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(most))

    def description(self, text: str) -> str:
        """Return a session description with some of its lines spoilt."""
        lines = text.splitlines()
        for _ in range(self.random.randrange(1, 8)):
            at = self.random.randrange(len(lines))
            cut = self.random.randrange(len(lines[at]) + 1)
            spoilt = lines[at][:cut] + self.text() + lines[at][cut + self.random.randrange(5) :]
            lines[at : at + self.random.randrange(3)] = [spoilt]
            lines = lines or ["v=0"]
        return "\r\n".join(lines) + "\r\n"


def long_offer(text: str, sections: int) -> str:
    """Return an offer with many sections, each like the first of `text`."""
    head, first, *_ = text.split("m=")
    session = "".join(line for line in head.splitlines(keepends=True) if "BUNDLE" not in line)
    parts = ("m=" + first.replace("a=mid:0", f"a=mid:{n}") for n in range(sections))
    return session + "".join(parts)
