"""Chromium for tests of pages: the fixtures `browser` and `opened`, and what is read from a page."""

import re
import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM is not None, "no chromium: scripts/setup --tests installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens a page, and fails when it complains or asks for anything beyond itself."""
    complaints, pages = [], []

    def opener(path, viewport=DESKTOP, scheme="light"):
        page = browser.new_page(viewport=viewport, color_scheme=scheme)
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: complaints.append(f"request: {request.url}")
                if request.url != path.as_uri() and not request.url.startswith("data:") else None)
        page.goto(path.as_uri())
        page.wait_for_selector("#text .canvas canvas, #plan td")
        pages.append(page)
        return page

    yield opener
    for page in pages:
        page.close()
    assert not complaints


def rgb(page, name):
    """A colour of the theme as "r,g,b"."""
    text = page.evaluate("name => getComputedStyle(document.documentElement).getPropertyValue(name)", f"--{name}").strip()
    return ",".join(str(int(text[i : i + 2], 16)) for i in (1, 3, 5))


def says(text, value):
    """Whether the first number of a text as people read it, "(1.10 ± 0.07)×10⁻⁴" or "12.5 %", is the value rounded."""
    mantissa = re.search(r"−?\d[\d,]*\.?(\d*)", text)
    power = re.search(r"×10(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    digits = int("".join(str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(digit)) for digit in power[2])) if power else 0
    unit = 10.0 ** ((-digits if power and power[1] else digits))
    shown = float(mantissa[0].replace("−", "-").replace(",", "")) * unit
    return abs(shown - value) <= 0.5 * unit * 10.0 ** -len(mantissa[1]) * (1 + 1e-3)
