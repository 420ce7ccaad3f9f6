// The selected candidate in a few large figures, and whether its drift is normal, in words.
import type { Candidate, Comparison } from "../data";
import { h } from "../dom";
import { fixed, megabytes, percent, short, withError } from "../format";

function figure(name: string, value: string, unit: string, note: string): HTMLElement {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, h("span", { class: "big" }, value),
    unit && h("span", { class: "unit" }, unit), note && h("span", { class: "note" }, note)));
}

export function verdict(comparison: Comparison, candidate: Candidate): HTMLElement {
  const { reference } = comparison;
  const figures = [figure("Size", megabytes(candidate.size_bytes), "",
    `${percent(candidate.size_bytes / reference.size_bytes)} % of the reference, ${fixed(candidate.bits_per_weight, 2)} bits a weight`)];
  if (candidate.kl) {
    const kl = candidate.kl;
    figures.push(
      figure("Mean KL", short(kl.mean), "nats", `± ${short(kl.stderr, 2)}; median ${short(kl.median)}, 99 % below ${short(kl.p99)}`),
      figure("Perplexity ratio", fixed(candidate.ppl_ratio, 4), "", `± ${short(candidate.ppl_ratio_stderr, 2)}; perplexity ${withError(candidate.ppl, candidate.ppl_stderr)}`),
      figure("Same top token", percent(candidate.top1_agreement), "%", `± ${percent(candidate.top1_agreement_stderr)} %`),
      figure("Flips", (candidate.text_flips ?? 0).toLocaleString("en"), "", `and ${(candidate.near_ties ?? 0).toLocaleString("en")} near ties, closer than the typical logit error of ${short(candidate.typical_logit_error)}`));
  }
  const sentences = candidate.growth?.verdict ?? [];
  return h("section", { id: "verdict", "aria-label": "Verdict" }, h("dl", { class: "figures-row" }, figures),
    sentences.length > 0 && h("div", { class: "prose" }, h("h2", {}, "Is it normal?"), h("ul", {}, sentences.map((sentence) => h("li", {}, sentence)))));
}
