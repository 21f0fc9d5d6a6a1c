"""A headless Chromium that tests drive as a person would: by clicking, typing and dropping files.

Speaks the DevTools protocol over a websocket. No browser is downloaded: it must be on the path.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_KEYS = {"Enter": (13, "\r"), " ": (32, " "), "Tab": (9, ""), "ArrowRight": (39, "")}
_KEYS |= {"ArrowLeft": (37, ""), "Home": (36, ""), "End": (35, ""), "Escape": (27, "")}


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome; without one None, or an error if one is required."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("AUHEAT_REQUIRE_BROWSER") == "1":
        raise RuntimeError("no Chromium on the path, and AUHEAT_REQUIRE_BROWSER is 1")
    return found


class Page:
    """One tab. complaints: everything the console, the log and uncaught errors said."""

    def __init__(self, socket: ClientConnection, session: str = "") -> None:
        self._socket, self._session, self._last = socket, session, 0
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> Any:
        """The answer to a command of the protocol."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | self._address()))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._hear(answer)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:800])
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 60.0) -> Any:
        """Waits until an expression is true; gives its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never came true: {script}"
            time.sleep(0.1)
        return value

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.run(f"document.querySelector({selector!r}).innerText"))

    def middle(self, selector: str, fraction: float = 0.5) -> tuple[float, float]:
        """Where an element is, scrolled into view. fraction: of its width from the left."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({selector!r});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            f"return [b.left + b.width * {fraction}, b.top + b.height / 2]; }})()"
        )
        return x, y

    def click(self, selector: str, fraction: float = 0.5) -> None:
        """Clicks into an element with the mouse."""
        x, y = self.middle(selector, fraction)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Presses a key of `_KEYS`."""
        code, text = _KEYS[key]
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def drop(self, selector: str, path: Path) -> None:
        """Drags a file from outside onto an element."""
        x, y = self.middle(selector)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose(self, selector: str, path: Path) -> None:
        """Gives a file to a file field, as the chooser would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def size(self, width: int, height: int, scale: float = 1.0) -> None:
        """The size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def scheme(self, name: str) -> None:
        """ "dark" or "light"."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """Writes a PNG of the window, or of the whole page."""
        answer = self.call(
            "Page.captureScreenshot",
            captureBeyondViewport=whole,
            **({"clip": self._whole()} if whole else {}),
        )
        path.write_bytes(base64.b64decode(answer["data"]))

    def open(self, address: str) -> None:
        """Opens an address and waits until it is loaded."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def _whole(self) -> dict[str, float]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def _address(self) -> dict[str, str]:
        return {"sessionId": self._session} if self._session else {}

    def _hear(self, event: dict[str, Any]) -> None:
        name, what = event.get("method"), event.get("params", {})
        if name == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(what["exceptionDetails"])[:600])
        elif name == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(what["args"])[:600])
        elif name == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
        elif name == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])


@contextmanager
def browse(program: str, profile: Path, extra: Sequence[str] = ()) -> Iterator[Page]:
    """A page in a fresh browser, closed at the end. profile: an empty folder for its files."""
    arguments = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *(
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--mute-audio",
            f"--user-data-dir={profile}",
            *extra,
        ),
    ]
    process = subprocess.Popen(
        [program, *arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port, path = _port(profile / "DevToolsActivePort")
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as socket:
            whole = Page(socket)
            targets = whole.call("Target.getTargets")["targetInfos"]
            target = next(item["targetId"] for item in targets if item["type"] == "page")
            answer = whole.call("Target.attachToTarget", targetId=target, flatten=True)
            page = Page(socket, answer["sessionId"])
            page._last = 1000
            for room in ("Page", "Runtime", "Log", "Network", "DOM"):
                page.call(f"{room}.enable")
            yield page
    finally:
        process.terminate()
        process.wait(20)


def _port(file: Path) -> tuple[int, str]:
    """The port and path that the browser writes down once it listens."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == 2:
            return int(lines[0]), lines[1]
        time.sleep(0.1)
    raise TimeoutError("the browser did not start to listen")
