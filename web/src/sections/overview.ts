// The models and the numbers: a row for each candidate, and quality against size where there is something to choose.
import { chart } from "../chart";
import type { Candidate, Comparison } from "../data";
import { shortNames } from "../data";
import { bar, h, section, table } from "../dom";
import type { Column } from "../dom";
import { fixed, megabytes, percent, plural, short, tick, withError } from "../format";

export function header(comparison: Comparison): HTMLElement {
  const { reference, candidates } = comparison;
  const names = shortNames(candidates);
  const title = candidates.length === 1 ? names[0]! : plural(candidates.length, "candidate");
  const facts: [string, string][] = [["Reference", reference.model]];
  if (candidates.length === 1) facts.push(["Candidate", candidates[0]!.model]);
  facts.push(["Architecture", reference.architecture]);
  if (comparison.text !== undefined) {
    facts.push(["Text", `${comparison.text}, ${plural(comparison.chunks ?? 0, "chunk")} of ${plural(comparison.context ?? 0, "token")}`]);
  }
  if (comparison.prompt) facts.push(["Prompt", comparison.prompt]);
  if (comparison.engine) facts.push(["Engine", comparison.engine]);
  return h("div", { class: "masthead" },
    h("p", { class: "kicker" }, "Assay · comparison"),
    h("h1", {}, title, h("span", { class: "against" }, " against "), shortNames([reference])[0]!),
    h("dl", { class: "facts" }, facts.filter(([, value]) => value !== "").map(([name, value]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function model(name: string, type: string, note: string): HTMLElement {
  return h("span", { class: "model" }, h("b", {}, type || "unknown type"), h("span", { class: "file", title: name }, name.split("/").pop()!), note && h("span", { class: "note" }, note));
}

export function overview(comparison: Comparison): HTMLElement {
  const { reference, candidates } = comparison;
  const measured = candidates.some((candidate) => candidate.kl);
  const largest = Math.max(reference.size_bytes, ...candidates.map((candidate) => candidate.size_bytes));
  const columns: Column[] = [{ name: "Model", text: true }, { name: "Size" }, { name: "Weights", unit: "bits each" }];
  if (measured) {
    columns.push({ name: "Perplexity" }, { name: "Ratio" }, { name: "Mean KL", unit: "nats" }, { name: "Median", unit: "nats" },
      { name: "99 %", unit: "nats" }, { name: "Max", unit: "nats" }, { name: "Same top", unit: "%" }, { name: "Flips" },
      { name: "Near ties" });
  }
  const size = (bytes: number) => h("span", { class: "size" }, megabytes(bytes), bar(bytes / largest));
  const rows = [{
    class: "reference",
    cells: [model(reference.model, reference.file_type, "reference"), size(reference.size_bytes), fixed(reference.bits_per_weight, 2),
      ...(measured ? [withError(reference.ppl, reference.ppl_stderr), ...Array<null>(columns.length - 4).fill(null)] : [])],
  }, ...candidates.map((candidate) => ({
    class: "",
    cells: [model(candidate.model, candidate.file_type, ""), size(candidate.size_bytes), fixed(candidate.bits_per_weight, 2),
      ...(measured ? quality(candidate) : [])],
  }))];
  const lead = measured
    ? "KL divergence is how many nats of the reference's next-token distribution the candidate loses at a position. ± is one standard error over chunks."
    : "";
  return section("numbers", "The numbers", lead,
    h("div", { class: "scroll" }, table(columns, rows, "Size and quality of each model", "cards")),
    !measured && h("p", { class: "empty" }, "No text was given, so quality was not measured. ", h("code", {}, "--text FILE"), " adds perplexity, KL divergence and agreement."),
    measured && candidates.length > 1 && sizeChart(candidates));
}

function quality(candidate: Candidate): string[] {
  const kl = candidate.kl;
  return [withError(candidate.ppl, candidate.ppl_stderr), withError(candidate.ppl_ratio, candidate.ppl_ratio_stderr),
    withError(kl?.mean, kl?.stderr), short(kl?.median), short(kl?.p99), short(kl?.max),
    percent(candidate.top1_agreement), String(candidate.text_flips ?? "–"), String(candidate.near_ties ?? "–")];
}

function sizeChart(candidates: Candidate[]): HTMLElement {
  const order = candidates.map((_, i) => i).sort((a, b) => candidates[a]!.size_bytes - candidates[b]!.size_bytes);
  const names = shortNames(candidates);
  const sorted = order.map((i) => candidates[i]!);
  const drawn = chart({
    label: "Mean KL divergence against size", xName: "Size of the file, MB",
    x: sorted.map((candidate) => candidate.size_bytes / 1e6),
    xLabel: (i) => `${names[order[i]!]!}, ${megabytes(sorted[i]!.size_bytes)}`,
    names: order.map((i) => names[i]!),
    series: [{ name: "mean KL", colour: "accent", points: true, values: sorted.map((candidate) => candidate.kl?.mean ?? null) }],
    yName: "Mean KL, nats (logarithmic)", format: (value) => (value === null || value === undefined ? "–" : `${short(value)} nats`),
    axisFormat: tick, logarithmic: true, height: 220,
  });
  return h("div", { class: "panel narrow" }, h("h3", {}, "Quality against size"), drawn.element);
}
