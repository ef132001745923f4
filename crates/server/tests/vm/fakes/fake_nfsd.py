#!/usr/bin/python3
"""fake_nfsd.py MODE: an NFS server on port 2049 that is not well.

silent  accepts connections and never says a word
null    half dead: answers the NULL procedure and nothing else; a connection check and a ping find it healthy, while
        the kernel's client waits for EXCHANGE_ID inside mount(2) for good
reset   accepts and resets every connection
"""

import socket
import struct
import sys
import threading

from rpc_wire import Call, accepted, framed, record


def serve(connection, mode):
    if mode == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return
    try:
        while True:
            call = Call(record(connection))
            if mode == "null" and call.procedure == 0:
                connection.sendall(framed(accepted(call, b"")))
                # Whoever started this program may wait for the moment.
                print("null", flush=True)
    except (EOFError, OSError, struct.error):
        connection.close()


def main(mode):
    listener = socket.create_server(("0.0.0.0", 2049), backlog=64)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, mode), daemon=True).start()


main(sys.argv[1])
