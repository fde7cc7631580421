"""A browser as an operator has one: Chromium without a window.  It reaches this host and
nothing else, and it is asked what it complained about and what it fetched."""

import json
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

import program

AXE = program.TOP / "build/axe/node_modules/axe-core/axe.min.js"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-crash-reporter", "--disable-default-apps",
         "--disable-extensions", "--no-proxy-server", "--no-default-browser-check",
         "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
PHONE = 360
DESK = 1180


class Browser:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="qtoa-chromium-")
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={self.dir}")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
                                           options=options)
        except BaseException:
            shutil.rmtree(self.dir, ignore_errors=True)
            raise
        self.agent = self.js("return navigator.userAgent")
        self.axe = None

    def stop(self):
        try:
            self.driver.quit()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def be(self, language="en", scheme="light", width=DESK):
        """Another reader: language, light or dark, how wide the window."""
        cdp = self.driver.execute_cdp_cmd
        cdp("Emulation.setUserAgentOverride", {"userAgent": self.agent,
                                               "acceptLanguage": language})
        cdp("Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        cdp("Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})

    def get(self, url):
        """Opens a page; what it complained about, and the addresses that it fetched."""
        self.logs()
        self.driver.get(url)
        return self.logs()

    def logs(self):
        said = [e["message"] for e in self.driver.get_log("browser")]
        fetched = []
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                fetched.append(event["params"]["request"]["url"])
        return said, fetched

    def faults(self):
        """What axe has against the page, the serious things only.  The page of a program with
        sanitizers is the same, byte by byte."""
        if program.SAN:
            return []
        if self.axe is None:
            assert AXE.exists(), f"{AXE} is missing: run `make axe` (npm, once), or ./setup check"
            self.axe = AXE.read_text()
        self.js(self.axe)
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations'], runOnly: "
            "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
            ".then(r => done(r.violations), e => done([{id: String(e), impact: 'serious', "
            "nodes: []}]))")
        return [(v["id"], v["impact"], [n["html"][:200] for n in v["nodes"][:3]])
                for v in found if v["impact"] in ("serious", "critical", "moderate")]
