"""Takes pictures of rendered pages with chromedriver: each at phone and desktop width, light and dark.

    pictures.py PAGES ASSETS PICTURES [--keep FOLDER NAME...]

Each picture is as tall as its page. A page that is wider than its window is named, and the exit code is then 1.
"""

import base64
import functools
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

WIDTHS = {"phone": 390, "desktop": 1280}
HEIGHTS = {"phone": 844, "desktop": 800}
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]


class Pages(http.server.SimpleHTTPRequestHandler):
    """Pages ask for /assets/…?v=… and for the frame of a mail, as they do of the server itself."""

    def __init__(self, *args, assets, **kwargs):
        self.assets = assets
        super().__init__(*args, **kwargs)

    def translate_path(self, path):
        path = path.split("?")[0]
        if path.startswith("/assets/"):
            return str(self.assets / path.removeprefix("/assets/"))
        if path.startswith("/_dev/mail/") and path.endswith("/html"):
            path = "/mail-password-verify_address-en.html"
        return super().translate_path(path)

    def log_message(self, *args):
        pass


class Browser:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        self.at = f"http://127.0.0.1:{port}"
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": OPTIONS}}}}
        for _ in range(100):
            try:
                self.at += "/session/" + self.call("/session", wanted)["sessionId"]
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("chromedriver does not answer")

    def call(self, path, body, method="POST"):
        request = urllib.request.Request(self.at + path, json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def tell(self, command, **params):
        return self.call("/goog/cdp/execute", {"cmd": command, "params": params})

    def run(self, script):
        return self.call("/execute/sync", {"script": script, "args": []})

    def close(self):
        try:
            self.call("", {}, "DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait()


def shoot(browser, url, device, scheme):
    """The picture, and by how much the page is too wide."""
    size = {"width": WIDTHS[device], "height": HEIGHTS[device], "deviceScaleFactor": 1, "mobile": device == "phone"}
    browser.tell("Emulation.setDeviceMetricsOverride", **size)
    browser.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("/url", {"url": url})
    too_wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
    taken = browser.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True)
    return base64.b64decode(taken["data"]), too_wide


def main(pages, assets, pictures, keep=None, *kept):
    pages, pictures = pathlib.Path(pages), pathlib.Path(pictures)
    handler = functools.partial(Pages, directory=str(pages), assets=pathlib.Path(assets))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser, wide = Browser(), []
    try:
        for page in sorted(pages.glob("*.html")):
            for device in WIDTHS:
                for scheme in ("light", "dark"):
                    url = f"http://127.0.0.1:{server.server_port}/{page.name}"
                    picture, too_wide = shoot(browser, url, device, scheme)
                    name = f"{page.stem}-{device}-{scheme}"
                    (pictures / f"{name}.png").write_bytes(picture)
                    if name in kept:
                        (pathlib.Path(keep) / f"{page.stem}.png").write_bytes(picture)
                    if too_wide > 0 and scheme == "light":
                        wide.append(f"{name} is {too_wide} px wider than its window")
    finally:
        browser.close()
        server.shutdown()
    print(f"{len(list(pictures.glob('*.png')))} pictures in {pictures}")
    print("\n".join(wide), file=sys.stderr, end="\n" if wide else "")
    return 1 if wide else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--keep"]
    sys.exit(main(*arguments))
