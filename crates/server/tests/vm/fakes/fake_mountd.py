#!/usr/bin/python3
"""fake_mountd.py MODE [PATH CLIENT,CLIENT...]...: rpcbind and mountd on TCP and UDP, with any export list whatever.

list      answers with the exports named
noprog    rpcbind knows no mountd
hangbind  rpcbind takes the call and never answers
hang      mountd takes the call and never answers
drip      mountd answers one byte a second
garbage   mountd answers with bytes that are no answer
endless   mountd's list never ends: well-formed, one export after the other
"""

import os
import socket
import struct
import sys
import threading
import time

from rpc_wire import Call, accepted, framed, record, text

MOUNTD_PORT = 20048
RPCBIND, MOUNTD = 100000, 100005
MODE = sys.argv[1]
EXPORTS = list(zip(sys.argv[2::2], sys.argv[3::2]))


def export(path, clients):
    groups = b"".join(struct.pack(">I", 1) + text(os.fsencode(c)) for c in clients.split(",") if c)
    return struct.pack(">I", 1) + text(os.fsencode(path)) + groups + struct.pack(">I", 0)


def rpcbind(call, address):
    """The body of rpcbind's answer; None: no answer at all."""
    if MODE == "hangbind":
        return None
    if call.procedure == 0:
        return b""
    port = MOUNTD_PORT if call.argument() == MOUNTD and MODE != "noprog" else 0
    if call.version == 2:
        return struct.pack(">I", port)
    universal = f"{address}.{port >> 8}.{port & 255}" if port else ""
    return text(universal.encode())


def mountd(call):
    if call.procedure == 0:
        return b""
    return b"".join(export(*e) for e in EXPORTS) + struct.pack(">I", 0)


def answer_export(connection, call):
    """mountd's answer over TCP, spoiled as the mode wants."""
    reply = framed(accepted(call, mountd(call)))
    if MODE == "hang":
        return
    if MODE == "garbage":
        connection.sendall(os.urandom(400))
    elif MODE == "drip":
        for byte in reply:
            connection.sendall(bytes([byte]))
            time.sleep(1)
    elif MODE == "endless":
        head = accepted(call, b"")
        connection.sendall(struct.pack(">I", len(head)) + head)
        chunk = export("/srv/exp/endless", "*") * 500
        while True:
            connection.sendall(struct.pack(">I", len(chunk)) + chunk)
    else:
        connection.sendall(reply)


def stream(connection):
    try:
        while True:
            call = Call(record(connection))
            if call.program == MOUNTD and call.procedure == 5:
                answer_export(connection, call)
                continue
            body = rpcbind(call, connection.getsockname()[0]) if call.program == RPCBIND else mountd(call)
            if body is not None:
                connection.sendall(framed(accepted(call, body)))
    except (EOFError, OSError, struct.error):
        connection.close()


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=stream, args=(connection,), daemon=True).start()


def datagrams(port, address):
    inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inbox.bind(("0.0.0.0", port))
    while True:
        data, sender = inbox.recvfrom(65536)
        call = Call(data)
        body = rpcbind(call, address) if call.program == RPCBIND else mountd(call)
        if body is not None and not (MODE != "list" and call.program == MOUNTD and call.procedure == 5):
            inbox.sendto(accepted(call, body), sender)


def main():
    address = os.environ.get("FAKE_ADDRESS", "127.0.0.1")
    for port in (111, MOUNTD_PORT):
        listener = socket.create_server(("0.0.0.0", port), backlog=64)
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        threading.Thread(target=datagrams, args=(port, address), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


main()
