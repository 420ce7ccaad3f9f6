"""The page in Chromium: what it shows is what `--json` says, it can be read and used, and nothing in the data is markup."""

import json
import os
import pathlib
import re
import subprocess

import pytest
from playwright.sync_api import expect

from tests.report.chromium import DESKTOP, PHONE, browser, opened, rgb, says

ROOT = pathlib.Path(__file__).parent.parent.parent
WEB = ROOT / "web"
PAGE = ROOT / "src/report/page.html"
PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"
PROMPT = "And it came to pass in the days of the king, that"


def assay(*arguments):
    return subprocess.run([os.environ["ASSAY_BINARY"], *map(str, arguments)], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A real comparison: its JSON and its page."""
    folder = tmp_path_factory.mktemp("page")
    reference = ROOT / "models/kingjames-7m.f16.gguf"
    candidates = [folder / f"{kind}.gguf" for kind in ("q8_0", "q3_k_s")]
    for candidate, kind in zip(candidates, ("Q8_0", "Q3_K_S")):
        assay("quantize", reference, candidate, kind)
    text = folder / "text.txt"
    text.write_text(" ".join(f"And the {word} of the king said unto the people, Behold, I will do it."
                             for word in "servants sons men princes priests elders hosts".split() * 6))
    page = folder / "page.html"
    run = assay("compare", reference, *candidates, "--text", text, "--ctx", 64, "--chunks", 4, "--drift", 64, "-p", PROMPT,
                "-n", 12, "--attribute", 1, "--positions", "--json", "--html", page)
    return json.loads(run.stdout), page


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "page.html"
    subprocess.run([PROGRAMS / "hostile_page", path], check=True)
    return path


def ink(page, selector):
    """How many pixels of each colour a chart's canvas has, the commonest first; without what is transparent."""
    return page.eval_on_selector(selector, """canvas => {
      const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const counts = {};
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] < 255) continue;
        const colour = `${data[i]},${data[i + 1]},${data[i + 2]}`;
        counts[colour] = (counts[colour] ?? 0) + 1;
      }
      return counts;
    }""")


def choose(page, legend, name):
    page.locator(f"fieldset:has(legend:text-is('{legend}')) label", has_text=name).first.click()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_drawn(opened, made, viewport, scheme):
    page = opened(made[1], viewport, scheme)
    drawn = ink(page, "#depth canvas")
    for colour in ("total", "introduced", "inherited"):
        assert drawn.get(rgb(page, colour), 0) > 100, (colour, scheme)
    assert ink(page, "#text canvas").get(rgb(page, "total"), 0) > 100
    assert ink(page, "#numbers canvas").get(rgb(page, "accent"), 0) > 20
    # The page itself never scrolls sideways.
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) > 384) == (scheme == "light")


def test_numbers_are_those_of_the_json(opened, made):
    comparison, path = made
    page = opened(path)
    rows = page.locator("#numbers > .scroll tbody tr")
    assert rows.count() == 1 + len(comparison["candidates"])
    for i, candidate in enumerate(comparison["candidates"]):
        cells = rows.nth(1 + i).locator("td").all_inner_texts()
        kl = candidate["kl"]
        expected = [candidate["size_bytes"] / 1e6, candidate["bits_per_weight"], candidate["ppl"], candidate["ppl_ratio"],
                    kl["mean"], kl["median"], kl["p99"], kl["max"], 100 * candidate["top1_agreement"],
                    candidate["text_flips"], candidate["near_ties"]]
        for cell, value in zip(cells, expected, strict=True):
            assert says(cell, value), (cell, value)
    for sentence in comparison["candidates"][0]["growth"]["verdict"]:
        assert page.get_by_text(sentence, exact=True).count() == 1


def test_pointing_at_the_charts_shows_values(opened, made):
    comparison, path = made
    page = opened(path)
    choose(page, "Candidate", page.locator(".picker label").nth(1).inner_text())
    candidate = comparison["candidates"][1]
    page.locator("#depth select").select_option("ffn_out")
    over = page.locator("#depth .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + 40)
    layer = int(page.locator("#depth .readout .place").inner_text().removeprefix("blk."))
    tap = next(tap for tap in candidate["taps"] if tap["tap"] == f"blk.{layer}.ffn_out")
    shown = page.locator("#depth .readout .value").all_inner_texts()
    for text, name in zip(shown, ("relative_error", "introduced", "inherited")):
        assert says(text, 100 * tap[name]) and text.endswith("%")

    cell = page.locator("#heat tbody tr", has_text="ffn_out").locator("td").nth(layer)
    cell.hover()
    readout = page.locator("#heat .readout").inner_text()
    assert tap["tap"] in readout and tap["weight"] in readout and tap["weight_type"] in readout
    assert says(cell.get_attribute("aria-label").split(": ")[1], 100 * tap["relative_error"])
    # What is said of a cell moves none away from the pointer.
    place = cell.bounding_box()
    page.locator("#heat tbody tr", has_text="logits").locator("td").first.hover()
    assert "logits" in page.locator("#heat .readout").inner_text() and cell.bounding_box() == place

    worst = max(candidate["text_positions"], key=lambda position: position["kl"])
    page.locator("#text .chunks select").select_option(index=worst["chunk"])
    first = min(position["position"] for position in candidate["text_positions"])
    page.locator("#text .t").nth(worst["position"] - first).hover()
    detail = page.locator("#text .detail").inner_text()
    assert says(re.search(r"KL\s+(.*) nats", detail)[1], worst["kl"])
    for name in ("reference", "candidate"):
        shown = re.search(rf"log p, {name}\s+(.*) nats", detail)[1]
        assert says(shown, worst[f"{name}_log_prob"])
    assert says(re.search(r"Margin, reference\s+(.*) logits", detail)[1], worst["reference_margin"])
    # The chart above follows the text.
    assert says(page.locator("#text .readout .value").inner_text(), worst["kl"])


def test_text_and_its_marks(opened, made):
    comparison, path = made
    page = opened(path)
    choose(page, "Candidate", page.locator(".picker label").nth(1).inner_text())
    positions = [p for p in comparison["candidates"][1]["text_positions"] if p["chunk"] == 0]
    spans = page.locator("#text .t")
    assert spans.count() == len(positions)
    marked = page.eval_on_selector_all("#text .t", "all => all.map(t => t.className)")
    for position, names in zip(positions, marked):
        flip = position["reference_top"] != position["candidate_top"]
        assert ("flipped" in names) == (flip and not position["near_tie"])
        assert ("near-tie" in names) == (flip and position["near_tie"])
        reached = sum(position["kl"] >= threshold for threshold in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1))
        assert f"heat-{reached}" in names.split()
    assert "king said unto the people" in page.locator("#text .text-main > div > .tokens").inner_text()


def test_flips_and_what_undoes_them(opened, made):
    comparison, path = made
    page = opened(path)
    choose(page, "Candidate", page.locator(".picker label").nth(1).inner_text())
    flips = comparison["candidates"][1]["flips"]
    assert flips, "the test needs a candidate that flips"
    items = page.locator(".flip-item")
    assert items.count() == len(flips)
    for i, flip in enumerate(flips):
        summary = items.nth(i).locator("summary").inner_text()
        assert f"{flip['reference_margin']:.3f} logits" in summary and f"{flip['candidate_margin']:.3f} logits" in summary
        assert ("near tie" in summary) == flip["near_tie"]
        assert items.nth(i).locator("tbody tr").count() == len(flip["attribution"])
    assert page.locator("#flips .panel tbody tr").count() == len(comparison["candidates"][1]["top"])


def test_keyboard(opened, made):
    page = opened(made[1])
    page.locator("#depth .canvas").focus()
    places = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home"):
        page.keyboard.press(key)
        places.append(page.locator("#depth .readout .place").inner_text())
    assert places == ["blk.0", "blk.1", "blk.5", "blk.4", "blk.0"]

    page.locator("#heat td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert "blk.1.q " in page.locator("#heat .readout").inner_text().replace("\n", " ")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"

    page.locator("#text .t[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.i") == "1"
    assert "position 34" in page.locator("#text .detail").inner_text()

    page.locator(".picker input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#verdict .big").first.inner_text() == page.locator("#numbers .size").nth(2).inner_text().strip()

    # Every control can be reached, in order, and the way does not end in a trap.
    page.locator("header input").first.focus()
    reached = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('section')?.id ?? document.activeElement.tagName"))
        if "BODY" in reached:
            break
    assert {"numbers", "depth", "heat", "text", "flips", "BODY"} <= reached


def test_charts_have_tables(opened, made):
    comparison, path = made
    page = opened(path)
    page.locator("#depth .figures summary").click()
    rows = page.locator("#depth .figures tbody tr")
    expect(rows).to_have_count(6)
    tap = next(tap for tap in comparison["candidates"][0]["taps"] if tap["tap"] == "blk.5.out")
    assert says(rows.nth(5).locator("td").nth(3).inner_text(), 100 * tap["relative_error"])


def test_theme_is_a_choice(opened, made):
    page = opened(made[1], scheme="light")
    before = ink(page, "#depth canvas")
    choose(page, "Theme", "Dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert rgb(page, "total") not in before and ink(page, "#depth canvas")[rgb(page, "total")] > 100


def test_only_a_prompt(browser, made, tmp_path):
    path = tmp_path / "page.html"
    reference = ROOT / "models/kingjames-7m.f16.gguf"
    assay("compare", reference, made[1].parent / "q8_0.gguf", "-p", PROMPT, "--drift", 0, "--html", path)
    page = browser.new_page(viewport=PHONE)
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    for section in ("numbers", "depth", "heat", "text", "flips"):
        assert page.locator(f"#{section} .empty").count() == 1, section
    assert page.locator(".picker").count() == 0
    page.close()
    assert not complaints


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_text_is_text(opened, hostile, viewport):
    page = opened(hostile, viewport)
    page.locator("#text .t").first.hover()
    page.locator("#heat td[tabindex='0']").hover()
    for summary in page.locator("#depth .figures > summary, #text .figures > summary").all():
        summary.click()
    page.wait_for_timeout(100)
    assert page.locator("img, .broken").count() == 0 and page.evaluate("document.title") != "broken"
    assert page.evaluate("document.scripts.length") == 2
    everything = page.evaluate("document.body.innerText")
    for mark in ("reference", "type", "engine", "text", "prompt", "verdict", "tap", "weight", "context",
                 "reference_piece", "candidate_piece", "group", "culprit", "piece_4", "top"):
        assert f"{mark}</script><!--" in everything, mark
    # A character spread over two tokens appears where it is complete.
    assert page.locator("#text .t").all_inner_texts()[2] == "é"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_policy_lets_only_the_pages_own_script_run(hostile):
    text = hostile.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1]
    assert not re.search(r"[<>&\u2028\u2029]", data) and json.loads(data)["comparison"]["candidates"]


def test_page_appears_whole_or_not_at_all(made, tmp_path):
    reference = ROOT / "models/kingjames-7m.f16.gguf"
    path = tmp_path / "folder"
    path.mkdir()
    run = subprocess.run([os.environ["ASSAY_BINARY"], "compare", reference, made[1].parent / "q8_0.gguf", "-p", "In", "--drift",
                          "0", "--html", path], capture_output=True, text=True)
    assert run.returncode == 2 and str(path) in run.stderr
    assert list(tmp_path.iterdir()) == [path] and not list(path.iterdir())


def test_page_is_what_web_builds(tmp_path):
    built = tmp_path / "page.html"
    environment = os.environ | {"ASSAY_PAGE": str(built)}
    subprocess.run(["npm", "run", "--silent", "check"], cwd=WEB, check=True)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=WEB, check=True, env=environment, stdout=subprocess.DEVNULL)
    assert built.read_text() == PAGE.read_text(), "src/report/page.html is not what web/ builds: run make web"
    assert PAGE.stat().st_size < 200_000
