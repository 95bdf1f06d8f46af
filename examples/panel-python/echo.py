"""A panel in Python, with nothing but its standard library: returns what it gets, and keeps a checksum over restarts."""
import json, os, zlib

OPEN, RESTORE, INPUT, EVENT, RESIZE, SIGNAL, END_OF_INPUT, CREDIT, FREEZE, THAW, CLOSE = range(1, 12)
OPENED, OUTPUT, TO_CLIENT, MORE_INPUT, FROZEN, EXIT, STARTED = range(1, 8)
from_worker, to_worker = os.fdopen(3, "rb"), os.fdopen(4, "wb")


def varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes(found) + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        found[key >> 3] = value
    return found


def send(kind, content=b""):
    message = field(kind, content)
    to_worker.write(len(message).to_bytes(4, "big") + message)
    to_worker.flush()


state = {"bytes": 0, "crc32": 0}
send(STARTED)
while head := from_worker.read(4):
    for kind, content in fields(from_worker.read(int.from_bytes(head, "big"))).items():
        message = fields(content)
        if kind == RESTORE:
            state, message = json.loads(message[2]), fields(message[1])
        if kind in (OPEN, RESTORE):
            send(OPENED, field(1, message[4]))  # What may be returned may come in.
        elif kind == INPUT:
            data = message.get(1, b"")
            state = {"bytes": state["bytes"] + len(data), "crc32": zlib.crc32(data, state["crc32"])}
            send(OUTPUT, field(1, data))
        elif kind == EVENT and message[1] == b"digest":
            send(TO_CLIENT, field(1, b"digest") + field(2, json.dumps(state).encode()))
        elif kind == CREDIT:
            send(MORE_INPUT, field(1, message[1]))
        elif kind == FREEZE:
            send(FROZEN, field(1, json.dumps(state).encode()))
        elif kind == END_OF_INPUT:
            send(EXIT)
        elif kind == CLOSE:
            raise SystemExit
