// Layer by tap: a table whose cells are coloured, read with the pointer or the arrow keys.
import type { Candidate, Measured, Tap } from "../data";
import { tapKind } from "../data";
import { choice, h, section } from "../dom";
import { fixed, percentSign, short } from "../format";
import { moveInGrid } from "../grid";
import { fittedScale, legend, level } from "../levels";
import type { Scale } from "../levels";
import { kindsOf, layersOf } from "./depth";

interface View {
  name: string;
  unit: string;
  of: (tap: Tap) => Measured;
  format: (value: Measured) => string;
  scale: (values: number[]) => Scale;
}

const percentView = (name: string, of: (tap: Tap) => Measured): View => ({
  name, of, unit: "% of the reference's norm", format: percentSign,
  scale: (values) => fittedScale(values, true, (value) => short(100 * value, 2)),
});

const kViews: View[] = [
  percentView("Relative error", (tap) => tap.relative_error),
  percentView("Introduced", (tap) => (tap.introduced !== null && tap.introduced > 1e-6 * (tap.relative_error ?? 0) ? tap.introduced : 0)),
  { name: "SQNR", unit: "dB", of: (tap) => tap.sqnr_db, format: (value) => (value === null ? "no error" : `${fixed(value, 1)} dB`),
    scale: (values) => ({ ...fittedScale(values, false, (value) => fixed(value, 0)), reversed: true }) },
];

function describe(tap: Tap): HTMLElement {
  const facts: [string, string][] = [["relative error", percentSign(tap.relative_error)], ["introduced", percentSign(tap.introduced)],
    ["inherited", percentSign(tap.inherited)], ["SQNR", tap.sqnr_db === null ? "no error" : `${fixed(tap.sqnr_db, 1)} dB`],
    ["cosine", fixed(tap.cosine, 6)], ["rms", `${short(tap.rms_reference)} → ${short(tap.rms_candidate)}`]];
  return h("div", { class: "facts-line" }, h("b", {}, tap.tap), tap.weight && h("span", { class: "note" }, `${tap.weight}, ${tap.weight_type}`),
    facts.map(([name, value]) => h("span", { class: "entry" }, h("span", { class: "name" }, name), h("span", { class: "value" }, value))));
}

export function heatmap(candidate: Candidate): HTMLElement {
  const { taps } = candidate;
  if (taps.length === 0) return section("heat", "Layer by tap", "", h("p", { class: "empty" }, "The layers were not compared in this run: ", h("code", {}, "--drift N"), " follows N tokens through them."));
  const layers = layersOf(taps);
  const kinds = kindsOf(taps);
  const outside = taps.filter((tap) => tap.layer === null);
  const at = new Map(taps.map((tap) => [tap.layer === null ? tap.tap : `${tap.layer} ${tapKind(tap)}`, tap]));
  const readout = h("div", { class: "readout", "aria-live": "polite" });
  const slot = h("div", {});
  const show = (tap: Tap) => {
    readout.replaceChildren(describe(tap));
    readout.style.minHeight = `${readout.offsetHeight}px`; // what grew stays: cells must not move away from the pointer, and back
  };
  const idle = () => readout.replaceChildren(h("span", { class: "place" }, "Point at a cell, or use the arrow keys"));

  function draw(view: View): void {
    const values = taps.map(view.of).filter((value): value is number => value !== null && value !== 0);
    const scale = view.scale(values);
    const cells: HTMLElement[][] = [];
    const cell = (tap: Tap | undefined, label: string) => {
      if (!tap) return h("td", { class: "absent" });
      const value = view.of(tap);
      const none = value === 0 || (value === null && scale.reversed);
      return h("td", {
        class: none ? "none" : `heat-${level(scale, value)}`, tabindex: -1, "aria-label": `${label}: ${view.format(value)}`,
        pointerenter: () => show(tap), focus: () => show(tap),
      });
    };
    const rows = kinds.map((kind) => {
      const row = layers.map((layer) => cell(at.get(`${layer} ${kind}`), `blk.${layer}.${kind}`));
      cells.push(row);
      return h("tr", {}, h("th", { scope: "row" }, kind), row);
    });
    const every = layers.length > 40 ? 10 : layers.length > 16 ? 5 : 1;
    const grid = h("table", { class: "heat", role: "grid", "aria-label": `${view.name} by tap and layer`, keydown: (event: KeyboardEvent) => moveInGrid(event, cells) },
      h("thead", {}, h("tr", {}, h("td", { class: "corner" }, "layer"), layers.map((layer) => h("th", { scope: "col" }, layer % every === 0 ? layer : "")))),
      h("tbody", {}, rows));
    const ends = outside.map((tap) => cell(tap, tap.tap));
    cells.push(ends);
    cells[0]?.[0]?.setAttribute("tabindex", "0");
    const others = outside.length > 0 && h("table", { class: "heat outside", role: "grid", "aria-label": `${view.name} outside the layers`, keydown: (event: KeyboardEvent) => moveInGrid(event, cells) },
      h("tbody", {}, outside.map((tap, i) => h("tr", {}, h("th", { scope: "row" }, tap.tap), ends[i]!))));
    slot.replaceChildren(h("div", { class: "heat-area" }, h("div", { class: "scroll" }, grid), others), legend(scale, view.unit));
    idle();
  }
  draw(kViews[0]!);
  return section("heat", "Layer by tap", "Every value a layer computes, from top to bottom in the order in which it is computed.",
    h("div", { class: "controls" }, choice("Show", kViews.map((view) => view.name), 0, (index) => draw(kViews[index]!))), readout, slot);
}
