"""The page of a diagnosis in Chromium: it shows the verdict, every step of the plan, and nothing in the data is markup."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from tests.foreign.dump import write_npz
from tests.foreign.engine import Engine, Model
from tests.report.chromium import DESKTOP, PHONE, browser, opened, rgb, says

ROOT = pathlib.Path(__file__).parent.parent.parent
MODEL = ROOT / "models/kingjames-7m.f16.gguf"
PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"
PROMPT = "In the <b>beginning</b> of"


class Wrong(Engine):
    """Rotates the wrong pairs everywhere, has the branches of one feed-forward swapped, and in another an activation that
    nobody knows."""

    def execute(self, step, values):
        if step.tap == "blk.3.ffn_act":
            step = step._replace(inputs=step.inputs[::-1])
        value = super().execute(step, values)
        return value ** 2 + 1 if step.tap == "blk.4.ffn_act" else value


def diagnose(trace, page, *arguments):
    return subprocess.run([os.environ["ASSAY_BINARY"], "diagnose", MODEL, "--trace", trace, "--html", page, *arguments],
                          capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A real diagnosis, of an engine that forgets BOS besides: its JSON and its page."""
    folder = tmp_path_factory.mktemp("diagnosis")
    run = subprocess.run([os.environ["ASSAY_BINARY"], "tokenize", MODEL, "-p", PROMPT, "--json"], check=True, capture_output=True)
    tokens = json.loads(run.stdout)["ids"][1:]
    taps = Wrong(Model(MODEL), pairing="halves").run(tokens)
    for tap in ("blk.1.ffn_gate", "blk.2.q", "blk.4.ffn_gate"):
        del taps[tap]
    write_npz(folder / "mine.npz", taps, tokens, len(tokens))
    run = diagnose(folder / "mine.npz", folder / "page.html", "--json", "-p", PROMPT)
    assert run.returncode == 1, run.stderr
    verdict = json.loads(run.stdout)
    assert [finding["fault"] for finding in verdict["findings"]] == ["bos_missing", "rope_pairing", "gate_up_swapped", "unknown"]
    return verdict, folder / "page.html"


@pytest.mark.parametrize("viewport, scheme", [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_colours_say_how_steps_came_out(opened, made, viewport, scheme):
    verdict, path = made
    page = opened(path, viewport, scheme)
    blamed = {tap for finding in verdict["findings"] for tap in finding["taps"]}
    colours = {"healthy": "right", "not_given": "grid"}
    shown = dict(page.eval_on_selector_all("#plan td[aria-label]", """all => all.map(cell =>
      [cell.ariaLabel.split(": ")[0], getComputedStyle(cell).backgroundColor.match(/\\d+/g).slice(0, 3).join()])"""))
    wanted = {step["tap"]: rgb(page, "wrong" if step["tap"] in blamed else colours[step["outcome"]]) for step in verdict["steps"]}
    wanted["tokens"] = rgb(page, "wrong")
    assert shown == wanted and len(set(wanted.values())) == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    # The whole plan is seen without scrolling it, on a phone too.
    assert page.locator("#plan .scroll").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_findings_are_those_of_the_json(opened, made):
    verdict, path = made
    page = opened(path)
    assert page.locator("h1").inner_text() == "4 mistakes in mine.npz"
    assert page.locator("#verdict .big").all_inner_texts()[:3] == ["4", str(len(verdict["acquitted"])), "3"]
    cards = page.locator("#findings .finding")
    assert cards.count() == 4
    for i, finding in enumerate(verdict["findings"]):
        text = cards.nth(i).inner_text()
        for part in ("where", "remedy", "fingerprint", "fault"):
            assert finding[part].replace("`", "") in text.replace("`", ""), part
        assert says(cards.nth(i).locator(".before").inner_text(), finding["residual_before"])
        replayed = cards.nth(i).locator(".after")
        assert replayed.count() == (finding["fault"] != "unknown")
        if replayed.count():
            assert says(replayed.inner_text(), finding["residual_after"])
        if replayed.count() and finding["quantity"] == "residual":
            good, bad = (cards.nth(i).locator(f".dot.{kind}").bounding_box()["x"] for kind in ("good", "bad"))
            assert good < cards.nth(i).locator(".explained").bounding_box()["width"] + good < bad
    links = page.locator("#findings .sources a").evaluate_all("all => all.map(a => [a.textContent, a.href])")
    assert len(links) == sum(len(finding["sources"].split()) for finding in verdict["findings"])
    for name, target in links:
        assert target == "https://github.com/" + name.replace("#", "/issues/")
    assert page.locator("#needed li").count() == len(verdict["needed"]) > 0
    assert PROMPT in page.locator("header").inner_text()


def test_without_inner_values_no_step_is_judged(opened, made, tmp_path):
    """As with logits alone."""
    verdict, path = made
    head, data, tail = re.fullmatch(r"(.*<script id=\"data\"[^>]*>)(.*?)(</script>.*)", path.read_text(), re.DOTALL).groups()
    data = json.loads(data)
    data["diagnosis"] |= {"steps": [], "acquitted": [], "arithmetic": "", "findings": [verdict["findings"][1] | {"observed": "logits"}]}
    (tmp_path / "page.html").write_text(head + json.dumps(data).replace("<", "\\u003c") + tail)
    page = opened(tmp_path / "page.html")
    assert page.locator("#verdict .big").all_inner_texts() == ["1", "none"]
    assert page.locator("#plan td[aria-label^='logits: ']").get_attribute("aria-label") == "logits: differs: finding 1 shows here"
    assert page.locator("#plan td.s-wrong").count() == len(verdict["findings"][1]["taps"])
    # What is only suspected is not shown as wrong.
    data["diagnosis"]["findings"][0]["certain"] = False
    (tmp_path / "page.html").write_text(head + json.dumps(data).replace("<", "\\u003c") + tail)
    page = opened(tmp_path / "page.html")
    assert page.locator("#plan td.s-suspected").count() == len(verdict["findings"][1]["taps"])
    assert page.locator("#plan td.s-wrong").count() == 0


def test_steps_are_read_with_the_pointer_and_the_keys(opened, made):
    verdict, path = made
    page = opened(path)
    step = next(step for step in verdict["steps"] if step["tap"] == "blk.3.ffn_act")
    page.locator("#plan td[aria-label^='blk.3.ffn_act: ']").hover()
    detail = page.locator("#plan .detail").inner_text()
    for part in ("blk.3.ffn_act", "wrong: finding 3", "gated_activation", "ffn_gate, ffn_up"):
        assert part in detail
    assert says(re.search(r"Residual\s+(.*)", detail)[1], step["residual"])
    assert page.locator("#plan td.read").count() == 2

    page.locator("#plan td[tabindex='0']").focus()
    assert page.locator("#plan .detail b").inner_text() == "tokens"
    places = []
    for key in ("ArrowDown", "ArrowRight", "End", "ArrowDown", "Home"):
        page.keyboard.press(key)
        places.append(page.locator("#plan .detail b").inner_text())
    assert places == ["blk.0.attn_norm", "blk.0.q", "blk.0.out", "blk.1.out", "blk.1.attn_norm"]
    assert "blk.1.attn_norm.weight, F32" in page.locator("#plan .detail").inner_text()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    # From a wrong step to its finding.
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "finding-2"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_text_is_text(opened, tmp_path, viewport):
    path = tmp_path / "page.html"
    subprocess.run([PROGRAMS / "hostile_diagnosis", path], check=True)
    page = opened(path, viewport)
    page.locator("#plan td").nth(3).hover()
    for summary in page.locator("summary").all():
        summary.click()
    assert page.locator("img, .broken").count() == 0 and page.evaluate("document.title") != "broken"
    assert page.evaluate("document.scripts.length") == 2
    everything = page.evaluate("document.body.innerText")
    for mark in ("model", "architecture", "type", "trace", "format", "prompt", "claim", "remedy", "fingerprint", "observed",
                 "fault", "name", "value", "right", "sources", "tie", "tap", "needed", "note", "before", "after", "most"):
        assert f"{mark}</script><!--" in everything, mark
    links = page.locator("#findings .sources a").evaluate_all("all => all.map(a => a.href)")
    assert links == ["https://github.com/owner/repo/issues/12"]
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_what_cannot_be_written_is_said_before_the_work(tmp_path):
    run = diagnose(tmp_path / "no such dump.npz", tmp_path / "nowhere" / "page.html")
    assert run.returncode == 2 and "nowhere" in run.stderr and "no such dump" not in run.stderr
    assert not list(tmp_path.iterdir())
