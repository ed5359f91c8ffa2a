"""The dashboard in a browser: what is drawn, what was asked for, and the filters."""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote, urlsplit

import pytest

DASHBOARD = "/superset/dashboard/departure-delays/"
CHARTS = """
return [...document.querySelectorAll('[data-test-chart-name]')].map(chart => ({
    id: Number(chart.dataset.testChartId),
    name: chart.dataset.testChartName,
    text: chart.innerText,
    drawn: [...chart.querySelectorAll('canvas, tbody tr, .header-line')].length,
}))"""
# The instance of ECharts is in a hook of the React component that drew the chart. Returns the series and
# visual maps that ECharts was given, and the shape and fill colour of each mark and the texts that it drew.
DRAWING = """
const [name] = arguments;
const box = document.querySelector(`[data-test-chart-name="${name}"] [_echarts_instance_]`);
let fiber = box[Object.keys(box).find(key => key.startsWith('__reactFiber$'))];
for (; fiber; fiber = fiber.return) {
    for (let hook = fiber.memoizedState; hook && hook.next !== undefined; hook = hook.next) {
        const chart = hook.memoizedState?.current;
        if (!chart?.getZr) continue;
        const {series, visualMap} = chart.getOption();
        const elements = chart.getZr().storage.getDisplayList(true);
        return {
            series: series.map(one => one.name),
            maps: (visualMap || []).map(({seriesIndex, pieces}) => ({seriesIndex, pieces})),
            marks: elements.filter(one => one.shape?.symbolType)
                .map(one => [one.shape.symbolType, one.style.fill]),
            texts: elements.map(one => one.style?.text).filter(text => text),
        };
    }
}"""
# The headings of tables that do not fit into their chart, each with the name of the chart.
CUT_OFF = """
return [...document.querySelectorAll('[data-test-chart-name] th')].filter(heading => {
    const chart = heading.closest('[data-test-chart-name]').querySelector('.chart-slice, .slice_container');
    return heading.getBoundingClientRect().right > chart.getBoundingClientRect().right + 1;
}).map(heading => [heading.closest('[data-test-chart-name]').dataset.testChartName, heading.innerText])"""
WARNINGS = """
return [...document.querySelectorAll('[data-test-chart-name] .anticon-warning')]
    .filter(icon => icon.offsetParent)
    .map(icon => icon.closest('[data-test-chart-name]').dataset.testChartName)"""
LOADING = "return document.querySelectorAll('[data-test=loading-indicator], .loading').length"
# In the page's own session: a question to Superset, and its status and answer.
ASK = """
const [path, body, done] = arguments;
const headers = {'Content-Type': 'application/json'};
const question = body ? {method: 'POST', body: JSON.stringify(body), headers} : {};
fetch('/api/v1/security/csrf_token/').then(answer => answer.json()).then(({result}) => {
    headers['X-CSRFToken'] = result;
    return fetch(path, question);
}).then(async answer => done([answer.status, await answer.text()]), error => done([0, String(error)]));
"""
WRONG = re.compile(r"error|no data|no results|unexpected", re.I)


@contextlib.contextmanager
def chromium() -> Iterator:
    """A headless browser that keeps a record of its requests, with a window as high as the dashboard."""
    from selenium import webdriver

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("no Chromium (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1600,4600"):
        options.add_argument(f"--{option}")
    # Signed by itself, where there is a certificate.
    options.add_argument("--ignore-certificate-errors")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as browser:
        browser.implicitly_wait(20)
        yield browser


class Page:
    def __init__(self, browser, site: str):
        self.browser = browser
        self.site = site
        # Every address that the browser wanted, and those that its policy kept it from.
        self.requests: dict[str, str] = {}
        self.blocked: dict[str, str] = {}
        # What the warehouse answered, by the name of the chart: the latest.
        self.answers: dict[str, list[dict]] = {}

    def find(self, selector: str):
        return self.browser.find_element("css selector", selector)

    def log_in(self, user: str, password: str) -> None:
        def accepted() -> bool:
            return "/login" not in self.browser.current_url

        # On a busy machine the form is drawn before it listens: what is typed then is lost.
        for _ in range(4):
            self.browser.get(f"{self.site}/login/")
            self.find("#username").send_keys(user)
            self.find("#password").send_keys(password)
            self.find("button[type=submit]").click()
            with contextlib.suppress(AssertionError):
                return self.wait(accepted, "the log-in is accepted", 20)
        raise AssertionError("the log-in was not accepted")

    def open(self) -> None:
        self.read_log()
        self.answers = {}
        self.browser.get(self.site + DASHBOARD)
        self.wait_until_drawn()

    def charts(self) -> list[dict]:
        return self.browser.execute_script(CHARTS)

    def drawing(self, chart: str) -> dict:
        """What ECharts drew for a chart."""
        return self.browser.execute_script(DRAWING, chart)

    def cut_off(self) -> list:
        """The columns of tables that do not fit into their chart."""
        return self.browser.execute_script(CUT_OFF)

    def warnings(self) -> list[str]:
        """The charts with a warning triangle."""
        return self.browser.execute_script(WARNINGS)

    def wait_until_drawn(self) -> None:
        """Waits until nothing loads any more, and takes in what came."""
        quiet_since = time.monotonic()

        def quiet() -> bool:
            nonlocal quiet_since
            news = self.read_log()
            charts = self.charts()
            if news or self.browser.execute_script(LOADING) or not all(c["drawn"] for c in charts):
                quiet_since = time.monotonic()
            return bool(charts) and time.monotonic() - quiet_since > 2

        # A chart in which there is an error is never drawn: the tests say so.
        with contextlib.suppress(AssertionError):
            self.wait(quiet, "all charts are drawn", 60)

    def read_log(self) -> int:
        """Takes in the browser's requests since the last time; how many answers for charts came."""
        names = {chart["id"]: chart["name"] for chart in self.charts()}
        news = 0
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            what, of = message["method"], message["params"]
            if what == "Network.requestWillBeSent":
                self.requests[of["requestId"]] = of["request"]["url"]
            elif what == "Network.loadingFailed" and of.get("blockedReason"):
                self.blocked[of["requestId"]] = of["blockedReason"]
            elif what == "Network.loadingFinished":
                url = unquote(self.requests.get(of["requestId"], ""))
                found = re.search(r'/chart/data\?form_data={"slice_id":(\d+)', url)
                if found and int(found[1]) in names:
                    body = self.browser.execute_cdp_cmd(
                        "Network.getResponseBody", {"requestId": of["requestId"]}
                    )
                    self.answers[names[int(found[1])]] = json.loads(body["body"])["result"]
                    news += 1
        return news

    def elsewhere(self) -> list[str]:
        """Addresses on other machines that the browser really asked."""
        here = urlsplit(self.site).netloc
        return [
            url
            for request, url in self.requests.items()
            if url.startswith("http") and urlsplit(url).netloc != here and self.blocked.get(request) != "csp"
        ]

    def value(self, chart: str):
        """The one figure that a chart shows."""
        [result] = self.answers[chart]
        [row] = result["data"]
        [value] = row.values()
        return value

    def filter(self, name: str, part: str) -> str:
        """The selector of a part of a filter, by the end of its id."""
        return f"[data-test='NATIVE_FILTER-{name.replace('_', '-')}'] {part}"

    def choose(self, follows: dict[str, str] | None = None, **filters: str) -> None:
        """Sets filters, by the ends of their ids, and applies them once `follows` is shown."""
        from selenium.webdriver.common.keys import Keys

        for name, value in filters.items():
            field = self.find(self.filter(name, "input"))
            field.send_keys(value)
            options = f"//div[contains(@class, 'ant-select-item-option') and @title='{value}']"
            self.wait(lambda: self.browser.find_elements("xpath", options), f"{value} is offered")  # noqa: B023
            field.send_keys(Keys.ENTER)
            field.send_keys(Keys.ESCAPE)
        for name, value in (follows or {}).items():
            chosen = self.filter(name, f".ant-select-selection-item[title='{value}']")
            self.wait(lambda: self.browser.find_elements("css selector", chosen), f"{name} is {value}")  # noqa: B023
        self.find("[data-test=filter-bar__apply-button]").click()
        self.wait_until_drawn()

    def ask(self, path: str, body: dict | None = None) -> tuple[int, str]:
        """Asks Superset's API as the user who is logged in: the status and the answer."""
        # A page that does nothing by itself.
        self.browser.get(f"{self.site}/health")
        self.browser.set_script_timeout(150)
        return tuple(self.browser.execute_async_script(ASK, path, body))

    def sql_lab(self, statement: str) -> tuple[int, str]:
        """Runs a statement in SQL Lab, on the warehouse."""
        question = {"database_id": 1, "sql": statement, "schema": "public", "runAsync": False}
        return self.ask("/api/v1/sqllab/execute/", question | {"client_id": token_hex(5)})

    def picture(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.browser.save_screenshot(str(file))

    @staticmethod
    def wait(condition, what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
            time.sleep(0.3)
