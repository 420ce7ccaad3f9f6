"""Makes the pictures in docs/: `PYTHONPATH=. build/python/bin/python web/pictures.py build/assay [TEXT]`. TEXT is what the models are
compared on, any English prose; the pictures in the repository show Shakespeare. Without it, only those of a diagnosis are made."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

from tests.foreign.dump import write_npz
from tests.foreign.engine import Model
from tests.foreign.faults import FaultyEngine, Planted
from tests.foreign.rounding import to_bf16

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
TYPES = ["Q8_0", "Q5_K_M", "Q4_0", "Q2_K"]
# The candidate that is looked at.
SHOWN = "Q4_0"
PROMPT = "And it came to pass in the days of the king, that"


def compare(assay, text, folder):
    """Runs in `folder`, so that the page names files and not where they are."""
    (folder / "kingjames-7m.f16.gguf").symlink_to(ROOT / "models/kingjames-7m.f16.gguf")
    (folder / "shakespeare.txt").symlink_to(text)
    names = [f"kingjames-7m.{kind.lower()}.gguf" for kind in TYPES]
    for kind, name in zip(TYPES, names):
        subprocess.run([assay, "quantize", "kingjames-7m.f16.gguf", name, kind], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([assay, "compare", "kingjames-7m.f16.gguf", *names, "--text", "shakespeare.txt", "--ctx", "256", "--chunks",
                    "8", "--culprits", "-p", PROMPT, "-n", "48", "--html", "page.html"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "page.html"


class Mistaken(FaultyEngine):
    """With a residual stream in bfloat16 besides."""

    def add(self, a, b):
        return to_bf16(super().add(a, b))


def diagnose(assay, folder):
    (folder / "kingjames-7m.f16.gguf").symlink_to(ROOT / "models/kingjames-7m.f16.gguf")
    planted = [Planted("rope_pairing"), Planted("gate_up_swapped", layers={3}), Planted("norm_missing", names={"final_norm"})]
    run = subprocess.run([assay, "tokenize", "kingjames-7m.f16.gguf", "-p", PROMPT, "--json"], cwd=folder, check=True, capture_output=True)
    tokens = json.loads(run.stdout)["ids"]
    taps = Mistaken(Model(folder / "kingjames-7m.f16.gguf"), planted, len(tokens)).run(tokens)
    for tap in ("blk.1.ffn_gate", "blk.4.q", "blk.4.k"):
        del taps[tap]
    write_npz(folder / "mine.npz", taps, tokens, len(tokens))
    subprocess.run([assay, "diagnose", "kingjames-7m.f16.gguf", "--trace", "mine.npz", "-p", PROMPT, "--html", "page.html"], cwd=folder,
                   stdout=subprocess.DEVNULL)
    return folder / "page.html"


def open_page(browser, path, width, scheme, look):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    look(page)
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


def look_at_candidate(page):
    page.locator(".picker label", has_text=SHOWN).click()
    page.locator("#text .t.flipped").first.hover()


def look_at_step(page):
    page.locator("#plan td[aria-label^='blk.3.ffn_act: ']").hover()


def main(assay, text=None):
    assay = pathlib.Path(assay).resolve()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        path = diagnose(assay, pathlib.Path(one))
        picture(open_page(browser, path, 1080, "light", look_at_step), "diagnose-page.png", "header", "#findings .finding:nth-of-type(2)")
        picture(open_page(browser, path, 1080, "dark", look_at_step), "diagnose-page-dark.png", "#lesser", "#plan .plan-area")
        if text:
            path = compare(assay, pathlib.Path(text).resolve(), pathlib.Path(other))
            picture(open_page(browser, path, 1280, "light", look_at_candidate), "compare-page.png", "header", "#depth")
            picture(open_page(browser, path, 1280, "dark", look_at_candidate), "compare-page-dark.png", "#heat", "#text .text-area")
        browser.close()
    if shutil.which("optipng"):
        subprocess.run(["optipng", "-quiet", "-o2", *(ROOT / "docs").glob("*-page*.png")], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
