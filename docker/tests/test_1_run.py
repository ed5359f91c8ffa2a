"""From nothing to the sample years in the warehouse, as a person sees it in a browser."""

import json
import shutil
import stat
from datetime import date

import pytest
from stack import FOLDER, HTTPS, PICTURES, ROWS, SAMPLE_YEARS, SITE, TASKS, setting, sql, wait_for

DAG_PAGE = f"{SITE}/dags/etl_ml_pipeline"


@pytest.fixture(scope="module")
def browser(up):
    from selenium import webdriver

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no Chromium (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1600,1200"):
        options.add_argument(f"--{option}")
    # Signed by itself; that it is the right one is what `Airflow` sees to.
    options.add_argument("--ignore-certificate-errors")
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as browser:
        browser.implicitly_wait(20)
        yield browser


# The grid is drawn within a root of its own.
GRID = "[...document.querySelectorAll('*')].some(e => e.shadowRoot?.querySelector('td'))"
GRAPH = "document.querySelector('#graph-svg g.node') !== null"


def picture(browser, name: str, page: str | None = None, ready: str = "true") -> None:
    """Keeps a picture of the page, once the expression `ready` is true and no request is open."""
    if page:
        browser.get(page)
    quiet = f"return {ready} && jQuery.active === 0 && document.fonts.status === 'loaded'"
    wait_for(lambda: browser.execute_script(quiet), f"{name} is drawn", 60)
    PICTURES.mkdir(exist_ok=True)
    browser.save_screenshot(str(PICTURES / f"{name}.png"))


def test_a_browser_logs_in_and_switches_the_dag_on(browser):
    from selenium.webdriver.common.by import By

    browser.get(SITE)
    picture(browser, "1 log-in")
    browser.find_element(By.ID, "username").send_keys(setting("AIRFLOW_ADMIN_USER"))
    browser.find_element(By.ID, "password").send_keys(setting("AIRFLOW_ADMIN_PASSWORD"))
    browser.find_element(By.CSS_SELECTOR, "input[type=submit]").click()
    switch = browser.find_element(By.ID, "toggle-etl_ml_pipeline")
    if not switch.is_selected():
        browser.execute_script("arguments[0].click()", switch)
    picture(browser, "2 switched on")
    assert f"{HTTPS}/home" in browser.current_url


def test_a_year_is_asked_for_in_the_browser(browser):
    from selenium.webdriver.common.by import By

    browser.get(f"{SITE}/trigger?dag_id=etl_ml_pipeline")
    editor = "document.querySelector('.CodeMirror').CodeMirror"
    offered = {"year": None, "partial": False, "allow_shrink": False}
    assert json.loads(browser.execute_script(f"return {editor}.getValue()")) == offered
    browser.execute_script(f"""{editor}.setValue('{{"year": 2000}}')""")
    picture(browser, "3 a year by hand")
    browser.find_element(By.XPATH, "//button[@type='submit'][text()='Trigger']").click()
    wait_for(lambda: "/trigger" not in browser.current_url, "the run is taken on")


def test_the_sample_years_come_to_the_same_rows_as_without_docker(airflow, expected):
    for year in (2001, 2002, 2003):
        airflow.trigger(year)
    # Each year from 2009 to the last, and the four by hand.
    years = [f"scheduled__{year}-01-01T00:00:00+00:00" for year in range(2009, date.today().year)]
    wait_for(lambda: set(years) <= airflow.runs().keys(), "every year has its run", 900)
    states = airflow.wait(seconds=600)
    assert set(states.values()) == {"success"}
    assert len(states) == len(years) + 4
    assert sql(ROWS) == expected
    loaded = "SELECT DISTINCT date_part('year', fl_date) FROM agg_dep_delay_by_date ORDER BY 1"
    assert sql(loaded) == [str(year) for year in SAMPLE_YEARS]
    assert list((FOLDER / "data").iterdir()) == []
    [of_2013] = [run for run in states if run.startswith("scheduled__2013")]
    assert {task["state"] for task in airflow.tasks(of_2013).values()} == {"success"}
    for task in TASKS:
        assert json.loads(airflow.summary(of_2013, task))["task"] == task
    [of_2014] = [run for run in states if run.startswith("scheduled__2014")]
    assert {task["state"] for task in airflow.tasks(of_2014).values()} == {"skipped"}


def test_pictures_of_the_graph_and_the_grid(browser, airflow):
    [of_2013] = [run for run in airflow.runs() if run.startswith("scheduled__2013")]
    day = airflow.ask(f"/dagRuns/{of_2013}")["logical_date"].replace("+", "%2B")
    picture(browser, "4 grid", f"{DAG_PAGE}/grid?num_runs=25", GRID)
    picture(browser, "5 graph", f"{DAG_PAGE}/graph?execution_date={day}", GRAPH)
    picture(
        browser,
        "6 rendered",
        f"{SITE}/rendered-templates?dag_id=etl_ml_pipeline&task_id=load&execution_date={day}",
    )


def test_the_files_of_the_data_dir_are_airflows_and_its_groups():
    data = (FOLDER / "data").stat()
    assert (data.st_uid, data.st_gid, stat.S_IMODE(data.st_mode)) == (50000, 0, 0o775)
