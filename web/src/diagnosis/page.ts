// The page of one diagnosis.
import { h, section } from "../dom";
import { plural } from "../format";
import { themeControl } from "../theme";
import type { Diagnosis } from "./data";
import { mistakes, isCertain } from "./data";
import { findings } from "./findings";
import { plan } from "./plan";
import { arithmeticInWords } from "./words";

const fileName = (path: string) => path.replace(/\/+$/, "").split("/").pop()!;

function headline(diagnosis: Diagnosis): string {
  const count = mistakes(diagnosis).filter(isCertain).length;
  if (diagnosis.verdict === "fault") return plural(count, "mistake");
  return diagnosis.verdict === "rounding" ? "No mistake" : "Undecided";
}

function header(diagnosis: Diagnosis): HTMLElement {
  const { model, trace, format, tokens, prompt, verdict } = diagnosis;
  const facts: [string, string][] = [["Model", model.model], ["Architecture", [model.architecture, model.file_type].filter((one) => one !== "").join(", ")],
    ["Dump", [trace, format].filter((one) => one !== "").join(", ")], ["Tokens", String(tokens)], ["Prompt", prompt ?? ""]];
  return h("div", { class: "masthead" },
    h("p", { class: "kicker" }, "Assay · diagnosis"),
    h("h1", {}, h("span", { class: `verdict-${verdict}` }, headline(diagnosis)), h("span", { class: "against" }, " in "), fileName(trace)),
    h("dl", { class: "facts" }, facts.filter(([, value]) => value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function figure(name: string, value: string, note: string): HTMLElement {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, h("span", { class: "big" }, value), note && h("span", { class: "note" }, note)));
}

function summary(diagnosis: Diagnosis): HTMLElement {
  const { acquitted, steps, arithmetic, verdict } = diagnosis;
  const all = mistakes(diagnosis);
  const certain = all.filter(isCertain).length;
  const undecided = steps.filter((step) => step.outcome === "undecided").length;
  const absent = diagnosis.plan.length - steps.filter((step) => step.outcome !== "not_given").length;
  const figures = [
    figure("Mistakes", String(certain), all.length > certain ? `and ${all.length - certain} suspected` : verdict === "undecided" ? "what was given does not decide it" : ""),
  ];
  if (steps.length > 0) {
    figures.push(figure("Right steps", String(acquitted.length), `of ${diagnosis.plan.length}, on the inputs they had`),
      figure("Not judged", String(undecided + absent), absent === 0 ? "" : undecided === 0 ? "not given" : `${absent} of them not given`));
  } else {
    figures.push(figure("Steps judged", "none", `of ${diagnosis.plan.length}; no value inside the model was given`));
  }
  if (arithmetic) figures.push(figure("Products are in", arithmeticInWords(arithmetic), "the finest that explains most of them"));
  return h("section", { id: "verdict", "aria-label": "Verdict" }, h("dl", { class: "figures-row" }, figures));
}

function lines(id: string, title: string, lead: string, sentences: string[]): HTMLElement | null {
  return sentences.length === 0 ? null : section(id, title, lead, h("ul", { class: "lines" }, sentences.map((sentence) => h("li", {}, sentence))));
}

export function showDiagnosis(diagnosis: Diagnosis, page: HTMLElement): void {
  const { acquitted, needed, notes } = diagnosis;
  document.title = `${headline(diagnosis)} in ${fileName(diagnosis.trace)} · Assay`;
  page.classList.add("diagnosis");
  page.replaceChildren(
    h("header", {}, header(diagnosis), themeControl()),
    h("main", {}, summary(diagnosis), ...findings(diagnosis), plan(diagnosis),
      lines("needed", "What would decide more", "", needed), lines("notes", "About the dump", "", notes),
      acquitted.length > 0 && h("section", { id: "acquitted", "aria-label": "Right steps" },
        h("details", { class: "taps" }, h("summary", {}, `${plural(acquitted.length, "step")} ${acquitted.length === 1 ? "is" : "are"} right, by name`), h("p", {}, h("code", {}, acquitted.join(", "))))),
    ),
    h("footer", {}, "Written by ", h("code", {}, "assay diagnose"), ". Residuals are relative to the exact value. This file holds everything it shows and asks no network."));
}
