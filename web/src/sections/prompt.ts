// The prompt: what comes next by either model, and the flips with the tensors that undo them.
import type { Candidate, Comparison, Flip } from "../data";
import { groupName } from "../data";
import { bar, h, section, table, token } from "../dom";
import { fixed, plural, probability } from "../format";

function nextTokens(candidate: Candidate): HTMLElement | null {
  const top = candidate.top ?? [];
  if (top.length === 0) return null;
  const rank = (before: number, after: number) =>
    before === after ? String(after) : h("b", { class: after > before ? "down" : "up" }, `${after} ${after > before ? "▾" : "▴"}`);
  const rows = top.map((one) => ({ cells: [
    token(one.piece), String(one.reference_rank), rank(one.reference_rank, one.candidate_rank), fixed(one.reference_logit, 3), fixed(one.candidate_logit, 3),
    [probability(one.reference_log_prob), bar(Math.exp(one.reference_log_prob ?? -99), "reference")],
    [probability(one.candidate_log_prob), bar(Math.exp(one.candidate_log_prob ?? -99), "candidate")]] }));
  return h("div", { class: "panel" }, h("h3", {}, "What comes next"), h("div", { class: "scroll" },
    table([{ name: "Token", text: true }, { name: "Rank, reference" }, { name: "Rank, candidate" }, { name: "Logit, reference" }, { name: "Logit, candidate" },
      { name: "p, reference" }, { name: "p, candidate" }], rows, "Most likely next tokens", "cards compact")));
}

function attribution(flip: Flip): HTMLElement | null {
  if (flip.attribution.length === 0) return null;
  const largest = Math.max(...flip.attribution.map((one) => Math.abs(one.margin ?? 0)), Math.abs(flip.candidate_margin ?? 0), 1e-9);
  const rows = flip.attribution.map((one) => ({ cells: [
    h("span", { class: "tensors", title: one.tensors.join("\n") }, groupName(one), one.tensors.length > 1 && h("span", { class: "note" }, ` ${plural(one.tensors.length, "tensor")}`)),
    [fixed(one.margin, 3), bar(Math.abs(one.margin ?? 0) / largest, (one.margin ?? 0) > 0 ? "good" : "bad")],
    one.flips_back ? h("span", { class: "tag back" }, "flips back") : h("span", { class: "note" }, "stays")] }));
  return h("div", { class: "scroll" }, table([{ name: "Put back to the reference's precision", text: true }, { name: "Margin then", unit: "logits" }, { name: "Result", text: true }], rows,
    "What undoes this flip", "cards compact"));
}

function flipItem(flip: Flip, open: boolean): HTMLElement {
  const culprit = flip.attribution.find((one) => one.flips_back);
  return h("details", { class: "flip-item", open }, h("summary", {},
    h("span", { class: "sentence" }, h("bdi", { class: "context" }, `…${flip.context}`), token(flip.reference_piece), h("span", { class: "arrow", "aria-label": "becomes" }, "→"), token(flip.candidate_piece),
      flip.near_tie && h("span", { class: "tag near" }, "near tie")),
    h("span", { class: "facts-line" },
      h("span", { class: "entry" }, h("span", { class: "name" }, "position"), h("span", { class: "value" }, flip.position)),
      h("span", { class: "entry" }, h("span", { class: "name" }, "margin, reference"), h("span", { class: "value" }, `${fixed(flip.reference_margin, 3)} logits`)),
      h("span", { class: "entry" }, h("span", { class: "name" }, "margin, candidate"), h("span", { class: "value" }, `${fixed(flip.candidate_margin, 3)} logits`)),
      culprit && h("span", { class: "entry" }, h("span", { class: "name" }, "undone by"), h("span", { class: "value" }, groupName(culprit))))),
    attribution(flip) ?? h("p", { class: "note" }, "Not attributed."));
}

export function promptSection(comparison: Comparison, candidate: Candidate): HTMLElement {
  if (!comparison.prompt) {
    return section("flips", "Flips", "", h("p", { class: "empty" }, "No prompt was given: ", h("code", {}, "-p PROMPT"), " shows which answers change, and which tensors change them."));
  }
  const { flips } = candidate;
  const compared = candidate.prompt_positions === undefined ? "" : ` (${plural(candidate.prompt_positions, "position")})`;
  return section("flips", "Flips", `Where the most likely token changes on the prompt and its continuation${compared}. Each attribution is a real run with those tensors put back; the margin is the reference's token over the best other.`,
    flips.length === 0
      ? h("p", { class: "empty" }, "None: the most likely token is the reference's at every position.")
      : h("div", { class: "flip-list" }, flips.map((flip, i) => flipItem(flip, i === 0))),
    nextTokens(candidate));
}
