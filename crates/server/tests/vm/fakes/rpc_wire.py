"""As much of ONC RPC (RFC 5531) and XDR (RFC 4506) as the fake servers need."""

import struct


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def record(connection):
    """One message, put together from its fragments (record marking)."""
    data, last = b"", False
    while not last:
        (mark,) = struct.unpack(">I", receive(connection, 4))
        last = bool(mark >> 31)
        data += receive(connection, mark & 0x7FFFFFFF)
    return data


def framed(message):
    return struct.pack(">I", 1 << 31 | len(message)) + message


def text(data):
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


class Call:
    def __init__(self, message):
        self.xid, _, _, self.program, self.version, self.procedure = struct.unpack(">6I", message[:24])
        self._message = message

    def argument(self):
        """The first word of the arguments, past credential and verifier."""
        at = 24
        for _ in range(2):
            (size,) = struct.unpack(">I", self._message[at + 4 : at + 8])
            at += 8 + size + -size % 4
        return struct.unpack(">I", self._message[at : at + 4])[0]


def accepted(call, body):
    return struct.pack(">6I", call.xid, 1, 0, 0, 0, 0) + body
