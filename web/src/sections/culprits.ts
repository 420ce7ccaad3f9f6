// The tensors to blame for the KL on the text.
import type { Candidate } from "../data";
import { groupName } from "../data";
import { bar, h, section, table } from "../dom";
import { percent, plural, short } from "../format";

export function culprits(candidate: Candidate): HTMLElement | null {
  const found = candidate.culprits ?? [];
  if (found.length === 0) return null;
  const largest = Math.max(...found.map((one) => one.kl_share ?? 0), 1e-9);
  const rows = found.map((one) => ({ cells: [
    h("span", { class: "tensors", title: one.tensors.join("\n") }, groupName(one), one.tensors.length > 1 && h("span", { class: "note" }, ` ${plural(one.tensors.length, "tensor")}`)),
    [percent(one.kl_share), bar((one.kl_share ?? 0) / largest)], short(one.kl)] }));
  return section("culprits", "The tensors to blame", "How much of the mean KL goes away when these tensors alone are put back to the reference's precision.",
    h("div", { class: "scroll" }, table([{ name: "Put back", text: true }, { name: "KL that goes away", unit: "%" }, { name: "Mean KL then", unit: "nats" }], rows, "Culprits, worst first", "cards compact culprits")));
}
