// The page of one comparison.
import type { Candidate, Comparison } from "./data";
import { shortNames } from "./data";
import { choice, h } from "./dom";
import { culprits } from "./sections/culprits";
import { depth } from "./sections/depth";
import { heatmap } from "./sections/heatmap";
import { header, overview } from "./sections/overview";
import { promptSection } from "./sections/prompt";
import { textSection } from "./sections/text";
import { verdict } from "./sections/verdict";
import { themeControl } from "./theme";

export function showComparison(comparison: Comparison, page: HTMLElement): void {
  const { candidates } = comparison;
  const names = shortNames(candidates);
  document.title = `${names.join(", ")} against ${shortNames([comparison.reference])[0]} · Assay`;
  const state = { chunk: 0 };
  const body = h("div", { id: "candidate" });
  const draw = (candidate: Candidate) =>
    body.replaceChildren(...[verdict(comparison, candidate), depth(comparison, candidate), heatmap(candidate),
      culprits(candidate), textSection(comparison, candidate, state), promptSection(comparison, candidate),
    ].filter((part) => part !== null));
  page.replaceChildren(
    h("header", {}, header(comparison), themeControl()),
    h("main", {}, overview(comparison),
      candidates.length > 1 && h("div", { class: "picker" }, choice("Candidate", names, 0, (index) => draw(candidates[index]!))),
      body),
    h("footer", {}, "Written by ", h("code", {}, "assay compare"), ". Logarithms are natural; KL is in nats. This file holds everything it shows and asks no network."));
  if (candidates[0]) draw(candidates[0]);
}
