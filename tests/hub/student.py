"""A student at the hub: logs in, starts a server, runs cells in a kernel, all over the hub's proxy."""

import json
import re
import time
import uuid

import requests
import websocket


class Student:
    """Somebody who is logged in at a `Hub` under a name of their own."""

    def __init__(self, hub, name=None):
        self.hub, self.name = hub, name or hub.new_student()
        self.web = requests.Session()
        login = f"{hub.address}/hub/login"
        page = self.web.get(login, timeout=20).text
        token = re.search(r'name="_xsrf"[^>]*value="([^"]+)"', page)[1]
        answer = self.web.post(
            login, {"username": self.name, "password": "x", "_xsrf": token}, timeout=20, allow_redirects=False
        )
        assert answer.status_code == 302, answer.text
        self.token = self._ask("POST", f"users/{self.name}/tokens", xsrf=self.web.cookies["_xsrf"]).json()["token"]
        self.web = requests.Session()  # from now on by the token
        self.web.headers["Authorization"] = f"token {self.token}"

    def _ask(self, how, path, xsrf=None, may_fail=False):
        headers = {"X-XSRFToken": xsrf} if xsrf else {}
        answer = self.web.request(how, f"{self.hub.address}/hub/api/{path}", headers=headers, timeout=60)
        assert may_fail or answer.status_code < 300, (answer.status_code, answer.text)
        return answer

    def ask_for_server(self, refused=False):
        """Ask for a server. With `refused` it returns why there will be none."""
        answer = self._ask("POST", f"users/{self.name}/server", may_fail=refused)
        assert not refused or answer.status_code >= 400, answer.text
        return answer.text

    def wait_for_server(self, seconds=120):
        """Until the server can be used: the hub tells how it is getting on until it is there, or has failed."""
        address, until = f"{self.hub.address}/hub/api/users/{self.name}/server/progress", time.monotonic() + seconds
        with self.web.get(address, stream=True, timeout=seconds) as answer:
            for line in answer.iter_lines():
                news = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else {}
                assert not news.get("failed") and time.monotonic() < until, (news, self.hub.said())
                if news.get("ready"):
                    return
        raise AssertionError(self.hub.said())

    def get(self, path, owner=None):
        """Ask a server, one's own or that of another `owner`."""
        return self.web.get(f"{self.hub.address}/user/{owner or self.name}/{path}", timeout=20, allow_redirects=False)

    def open(self, path):
        """The `Kernel` of the notebook at `path`, seen from home."""
        asked = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        address = f"{self.hub.address}/user/{self.name}/api/sessions"
        answer = self.web.post(address, json=asked, timeout=60)
        assert answer.status_code == 201, answer.text
        return Kernel(self, answer.json()["kernel"]["id"])


class Kernel:
    """A kernel that a student's page is connected to."""

    def __init__(self, student, number):
        self.student, self.number = student, number
        address = f"{student.hub.address}/user/{student.name}/api/kernels/{number}/channels"
        self.socket = websocket.create_connection(
            address.replace("http", "ws", 1), header=[f"Authorization: token {student.token}"], timeout=60
        )

    def again(self):
        """A new connection, as a page makes one; None while there is no kernel that answers."""
        try:
            kernel = Kernel(self.student, self.number)
            kernel.run("", seconds=5)
            return kernel
        except (OSError, websocket.WebSocketException):
            return None

    def send(self, kind, content, channel="shell"):
        """Send a message; returns its id."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "username": "", "session": "page", "msg_type": kind, "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel}
        self.socket.send(json.dumps({**message, "buffers": []}))
        return number

    def receive(self, seconds):
        """The next message as a dictionary; its `TimeoutError` comes after `seconds`."""
        self.socket.settimeout(max(0.01, seconds))
        try:
            received = self.socket.recv()
        except websocket.WebSocketTimeoutException as error:
            raise TimeoutError(f"the kernel of {self.student.name} is silent") from error
        if isinstance(received, bytes):  # with pictures and the like behind it; the first number says where it begins
            begins = [int.from_bytes(received[at : at + 4], "big") for at in (4, 8)]
            ends = begins[1] if int.from_bytes(received[:4], "big") > 1 else len(received)
            received = received[begins[0] : ends]
        return json.loads(received)

    def run(self, code, seconds=120, heard=lambda message: None):
        """Run a cell; returns what it prints. Each message goes to `heard`. An error is an AssertionError."""
        asked = self.send(
            "execute_request", {"code": code, "silent": False, "allow_stdin": True, "stop_on_error": True}
        )
        said, until, open_ends = [], time.monotonic() + seconds, {"reply", "idle"}
        while open_ends:
            message = self.receive(until - time.monotonic())
            heard(message)
            kind, content = message["header"]["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != asked:
                continue
            if kind == "stream":
                said.append(content["text"])
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif kind == "execute_reply":
                open_ends.discard("reply")
            elif kind == "status" and content["execution_state"] == "idle":
                open_ends.discard("idle")
        return "".join(said)
