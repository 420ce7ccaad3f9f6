"""Makes the pictures in docs/: `build/python/bin/python web/pictures.py build/assay TEXT`. TEXT is what the models are compared on,
any English prose; the pictures in the repository show Shakespeare."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
TYPES = ["Q8_0", "Q5_K_M", "Q4_0", "Q2_K"]
# The candidate that is looked at.
SHOWN = "Q4_0"


def compare(assay, text, folder):
    """Runs in `folder`, so that the page names files and not where they are."""
    (folder / "kingjames-7m.f16.gguf").symlink_to(ROOT / "models/kingjames-7m.f16.gguf")
    (folder / "shakespeare.txt").symlink_to(text)
    names = [f"kingjames-7m.{kind.lower()}.gguf" for kind in TYPES]
    for kind, name in zip(TYPES, names):
        subprocess.run([assay, "quantize", "kingjames-7m.f16.gguf", name, kind], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([assay, "compare", "kingjames-7m.f16.gguf", *names, "--text", "shakespeare.txt", "--ctx", "256", "--chunks",
                    "8", "--culprits", "-p", "And it came to pass in the days of the king, that", "-n", "48", "--html", "page.html"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "page.html"


def open_page(browser, path, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    page.locator(".picker label", has_text=SHOWN).click()
    page.locator("#text .t.flipped").first.hover()
    # A screen as tall as the page: nothing sticks to an edge in the middle of a picture.
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    page.wait_for_timeout(300)
    return page


def picture(page, name, first, last):
    """From the top of one element to the bottom of another."""
    top, bottom = (page.locator(selector).first.bounding_box() for selector in (first, last))
    margin = 24
    y = max(0, top["y"] - margin)
    page.screenshot(path=ROOT / "docs" / name, clip={"x": 0, "y": y, "width": page.viewport_size["width"],
                                                     "height": bottom["y"] + bottom["height"] + margin - y})


def main(assay, text):
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = compare(pathlib.Path(assay).resolve(), pathlib.Path(text).resolve(), pathlib.Path(folder))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        desktop = open_page(browser, path, 1280, "light")
        picture(desktop, "compare-page.png", "header", "#depth")
        dark = open_page(browser, path, 1280, "dark")
        picture(dark, "compare-page-dark.png", "#heat", "#text .text-area")
        browser.close()
    if shutil.which("optipng"):
        subprocess.run(["optipng", "-quiet", "-o2", *(ROOT / "docs").glob("compare-page*.png")], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
