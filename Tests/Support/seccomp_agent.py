"""A seccomp agent: it takes the container process state and answers what the filter asks (seccomp_unotify(2))."""

import array
import contextlib
import fcntl
import json
import os
import select
import socket
import struct
import threading

RECEIVE, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE


class SeccompAgent:
    """Listens at `path`. `answer(number, arguments)` gives an errno, or None to let the call go on."""

    def __init__(self, path, answer):
        self.path, self.answer = str(path), answer
        self.states, self.calls, self.connections = [], [], []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.wake, self.wakeup = os.pipe()
        self.descriptors = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.write(self.wakeup, b"x")
        self.thread.join()
        for descriptor in [*self.descriptors, self.wake, self.wakeup]:
            os.close(descriptor)
        for connection in self.connections:
            connection.close()
        self.listener.close()

    def are_connections_closed(self):
        """Whether the other side has closed every connection, and said nothing after the state."""
        return all(connection.recv(1) == b"" for connection in self.connections)

    def serve(self):
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        while True:
            for descriptor, event in poll.poll():
                if descriptor == self.wake:
                    return
                if descriptor == self.listener.fileno():
                    for new in self.accept():
                        poll.register(new, select.POLLIN)
                elif event & select.POLLIN:
                    self.reply(descriptor)
                else:  # Nobody is left under the filter.
                    poll.unregister(descriptor)

    def accept(self):
        """One state a connection."""
        connection, _ = self.listener.accept()
        fds = array.array("i")
        text, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
        self.connections.append(connection)
        self.descriptors += fds
        self.states.append(json.loads(text))
        return fds

    def reply(self, descriptor):
        request = bytearray(80)
        with contextlib.suppress(OSError):  # It may have been killed while it waited.
            fcntl.ioctl(descriptor, RECEIVE, request)
            cookie, _, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", request)
            self.calls.append(number)
            errno = self.answer(number, arguments)
            fcntl.ioctl(descriptor, SEND, struct.pack("=QqiI", cookie, 0, -(errno or 0), 0 if errno else CONTINUE))
