# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by chromedriver's own protocol."""
import base64
import json
import shutil
import subprocess
import threading
import urllib.request

from programs import HANG_GUARD, Skip, until

OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-extensions",
           "--no-first-run", "--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb"]


class Browser:
    """One window. Ends with all that it has started."""

    def __init__(self, folder):
        self.driver, self.browser = shutil.which("chromedriver"), shutil.which("chromium")
        if not self.driver or not self.browser:
            raise Skip("no chromium with chromedriver")
        self.folder, self.lines, self.base = folder, [], None

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def _ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=HANG_GUARD) as answer:
            return json.load(answer)["value"]

    def __enter__(self):
        self.process = subprocess.Popen([self.driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            line = until(lambda: next((x for x in list(self.lines) if "successfully on port" in x), None), "chromedriver")
            self.base = "http://127.0.0.1:" + line.split("on port ")[1].strip(" .\n")
            options = {"binary": self.browser, "args": [*OPTIONS, f"--user-data-dir={self.folder / 'profile'}"]}
            session = self._ask("/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
            self.base += f"/session/{session['sessionId']}"
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._ask("", method="DELETE")
        finally:
            self.process.terminate()
            self.process.wait(HANG_GUARD)
            self.reader.join()
            self.process.stdout.close()

    # ---- what is looked at ----

    def open(self, url):
        self._ask("/url", {"url": url})

    def run(self, script, *arguments):
        """What the body of a function in the page returns."""
        return self._ask("/execute/sync", {"script": script, "args": list(arguments)})

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)

    def console(self):
        """What has been said there since the last time: errors, and violations of the policy."""
        return [entry["message"] for entry in self._ask("/se/log", {"type": "browser"})]

    def devtools(self, command, **parameters):
        return self._ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    # ---- how it is looked at ----

    def window(self, width, height, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def scripts(self, allowed):
        self.devtools("Emulation.setScriptExecutionDisabled", value=not allowed)

    def type(self, text):
        """As from the keyboard, to what has the focus."""
        self.devtools("Input.insertText", text=text)

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.devtools("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                          **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))

    def picture(self, path):
        """Of the whole page."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))
