# SPDX-License-Identifier: BSD-3-Clause
"""browser.py PAGE WIDTH light|dark: opens PAGE in headless Chromium through its remote debugging pipe and prints one
JSON object: what a person would see and what the console says. For tests."""
import base64
import json
import os
import subprocess
import sys
import time


class Browser:
    def __init__(self):
        to_them, ours_out = os.pipe()
        ours_in, from_them = os.pipe()

        def wire():
            # The protocol reads descriptor 3 and writes 4.
            a, b = os.dup(to_them), os.dup(from_them)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
             "--disable-background-networking", "--user-data-dir=" + os.environ["TMPDIR"], "about:blank"],
            preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_them)
        os.close(from_them)
        self.out, self.inp, self.buffer, self.number = ours_out, ours_in, b"", 0
        self.events, self.session = [], None

    def message(self):
        while b"\0" not in self.buffer:
            more = os.read(self.inp, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.buffer += more
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.out, json.dumps(request).encode() + b"\0")
        while True:
            got = self.message()
            if got.get("id") == self.number:
                if "error" in got:
                    raise RuntimeError(method + ": " + got["error"]["message"])
                return got["result"]
            self.events.append(got)

    def wait(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.message())

    def value(self, expression):
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(json.dumps(got["exceptionDetails"])[:500])
        return got["result"].get("value")

    def key(self, name):
        codes = {"Tab": 9, "ArrowRight": 39, "ArrowDown": 40}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=codes[name])


DRAWN = """Array.from(document.querySelectorAll("canvas")).map(c => {
    const p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, colours = new Set();
    for (let i = 0; i < p.length; i += 4)
        if (p[i + 3] > 200)
            colours.add((p[i] << 16) | (p[i + 1] << 8) | p[i + 2]);
    return colours.size;
})"""


def look(browser, page, width, scheme):
    browser.session = None
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Runtime", "Log", "Page", "Network"):
        browser.call(domain + ".enable")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    begun = time.monotonic()
    browser.call("Page.navigate", url="file://" + os.path.abspath(page))
    browser.wait("Page.loadEventFired")
    seen = {"charts": int(browser.value("document.documentElement.dataset.charts || '-1'")),
            "load_s": time.monotonic() - begun}
    seen["canvases"] = browser.value("document.querySelectorAll('canvas').length")
    seen["colours"] = browser.value(DRAWN)
    seen["verdict"] = browser.value("document.getElementById('verdict').textContent")
    seen["data"] = browser.value("JSON.parse(document.getElementById('data').textContent).verdict.word")
    seen["wide"] = browser.value("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    seen["paper"] = browser.value("getComputedStyle(document.body).backgroundColor")
    browser.key("Tab")
    seen["first_focus"] = browser.value("document.activeElement.getAttribute('href')")
    for _ in range(400):
        if browser.value("document.activeElement.tagName") == "CANVAS" or seen["canvases"] == 0:
            break
        browser.key("Tab")
    seen["focus"] = browser.value("document.activeElement.tagName")
    if seen["focus"] == "CANVAS":
        said = "document.activeElement.closest('figure').querySelector('.told').textContent"
        browser.key("ArrowRight")
        seen["said"] = [browser.value(said)]
        browser.key("ArrowRight")
        seen["said"].append(browser.value(said))
    picture = browser.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
    if os.environ.get("CT_SCREENSHOT"):
        with open(os.environ["CT_SCREENSHOT"], "wb") as file:
            file.write(base64.b64decode(picture))
    # A script of somebody else's is refused by the page's own policy.
    browser.value("""new Promise(done => { const s = document.createElement("script");
        s.textContent = "window.intruder = 1"; document.body.append(s); setTimeout(done, 50, 0); })""")
    seen["intruder"] = browser.value("window.intruder === 1")
    return seen


def main():
    page, width, scheme = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    browser = Browser()
    try:
        seen = look(browser, page, width, scheme)
    finally:
        browser.process.kill()
        browser.process.wait()
    events = browser.events
    refused = "Content Security Policy"
    said = [e["params"]["entry"]["text"] for e in events if e.get("method") == "Log.entryAdded"]
    said += [json.dumps(e["params"]) for e in events if e.get("method") == "Runtime.exceptionThrown"]
    said += [json.dumps(e["params"]["args"]) for e in events if e.get("method") == "Runtime.consoleAPICalled"]
    seen["console"] = [text for text in said if refused not in text]
    seen["requests"] = sorted({e["params"]["request"]["url"].split(":", 1)[0] for e in events
                               if e.get("method") == "Network.requestWillBeSent"})
    print(json.dumps(seen))


main()
