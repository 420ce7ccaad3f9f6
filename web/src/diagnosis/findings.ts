// A card for every mistake; what is only less precise than the rest in a line each.
import { bar, h, section } from "../dom";
import { plural, short } from "../format";
import type { Diagnosis, Finding } from "./data";
import { isCertain, mistakes } from "./data";
import { axisOf, evidence } from "./evidence";
import type { Axis } from "./evidence";
import { arithmeticInWords, sentence, sources } from "./words";

type Fact = [string, Node | string | (Node | string)[]];

function facts(rows: Fact[]): HTMLElement {
  return h("dl", { class: "finding-facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function name(finding: Finding): HTMLElement {
  const made = Object.entries(finding.parameters).map(([key, value]) => `${key} = ${value}`).join(", ");
  const right = Object.entries(finding.prescribed).map(([key, value]) => `the model's ${key} is ${value}`).join(", ");
  return h("span", {}, h("code", {}, finding.fault), made && h("span", { class: "note" }, ` ${made}`),
    right && h("span", { class: "note" }, ` (${right})`));
}

function card(finding: Finding, number: number, axis: Axis): HTMLElement {
  const rows: Fact[] = [];
  if (finding.remedy) rows.push(["Change", sentence(finding.remedy)]);
  if (finding.fingerprint) rows.push(["Looks like", sentence(finding.fingerprint)]);
  if (finding.ties.length > 0) rows.push(["Or else", finding.ties.flatMap((tie, i) => [i > 0 ? ", " : "", h("code", {}, tie)])]);
  if (finding.observed && finding.observed !== finding.taps[0]) rows.push(["Seen at", h("code", {}, finding.observed)]);
  rows.push(["Name", name(finding)]);
  rows.push(["Confidence", h("span", { class: "confidence" }, `${Math.round(100 * finding.confidence)} %`, bar(finding.confidence, isCertain(finding) ? "" : "reference"))]);
  if (finding.sources) rows.push(["Known from", sources(finding.sources)]);
  return h("article", { class: `finding ${isCertain(finding) ? "certain" : "suspected"}`, id: `finding-${number}`, tabindex: -1 },
    h("h3", {}, h("span", { class: "number" }, number), h("span", {}, h("code", { class: "where" }, finding.where), " ", sentence(finding.claim))),
    finding.taps.length > 1 && h("details", { class: "taps" }, h("summary", {}, plural(finding.taps.length, "step")), h("p", {}, h("code", {}, finding.taps.join(", ")))),
    evidence(finding, axis), facts(rows));
}

/** One line for each way of rounding that is coarser than what the engine computes in anyway. */
function lesser({ coarser, findings }: Diagnosis): HTMLElement | null {
  const found = findings.filter((finding) => finding.class === "rounding");
  if (coarser.length === 0 && found.length === 0) return null;
  return section("lesser", "Less precise than the rest", "Rounding, which is no mistake; it may still be where an engine loses quality.",
    h("ul", { class: "lines" },
      coarser.map(({ where, arithmetic, residual, expected }) => h("li", {}, h("code", {}, where), ` in ${arithmeticInWords(arithmetic)}`,
        h("span", { class: "note" }, `; residual up to ${short(residual, 2)}, where that explains ${short(expected, 2)}`))),
      found.map((finding) => h("li", {}, h("code", {}, finding.where), " ", sentence(finding.claim),
        h("span", { class: "note" }, ` (${finding.fault}; ${finding.quantity} ${short(finding.residual_before, 2)})`), " ", ...sentence(finding.remedy)))));
}

export function findings(diagnosis: Diagnosis): (HTMLElement | null)[] {
  const all = mistakes(diagnosis);
  const axis = axisOf(all);
  const cards = all.map((finding, i) => ({ finding, element: card(finding, i + 1, axis) }));
  const of = (certain: boolean) => cards.filter(({ finding }) => isCertain(finding) === certain).map(({ element }) => element);
  return [
    of(true).length > 0 ? section("findings", "What is wrong", "", of(true)) : null,
    of(false).length > 0 ? section("suspected", "Suspected, not decided", "These explain a part, or no better than others do.", of(false)) : null,
    lesser(diagnosis),
  ];
}
