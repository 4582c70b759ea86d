"""A cable between a page and its server that can be pulled out: a proxy on this machine, for TCP."""

import contextlib
import selectors
import socket
import threading


class Cable:
    """Passes on what comes in at `port`, until it is pulled. From then on until `plug_in` nothing gets through."""

    def __init__(self, to_port):
        self.to_port, self._plugged, self._ends = to_port, True, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def pull_out(self):
        """Every connection ends, and a new one is refused."""
        self._plugged = False
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def plug_in(self):
        self._plugged = True

    def close(self):
        self.pull_out()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                page, _ = self._listener.accept()
                if not self._plugged:
                    page.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.to_port))
                self._ends += [page, server]
                threading.Thread(target=self._carry, args=(page, server), daemon=True).start()

    def _carry(self, page, server):
        with page, server, selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
            for end, other in ((page, server), (server, page)):
                ready.register(end, selectors.EVENT_READ, other)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
