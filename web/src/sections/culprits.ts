// The tensors to blame for the KL on the text: one by one, by kind, by layer, and the worst together.
import type { Candidate, Culprit } from "../data";
import { groupName } from "../data";
import { bar, h, section, table } from "../dom";
import { percent, plural, short } from "../format";

const kGroups: [Culprit["group"], string][] = [["tensor", "Single tensors"], ["together", "The worst together"], ["kind", "All of a kind"], ["layer", "All of a layer"]];

function groupTable(title: string, found: Culprit[], largest: number): HTMLElement {
  const rows = found.map((one) => ({ cells: [
    h("span", { class: "tensors", title: one.tensors.join("\n") }, groupName(one), one.tensors.length > 1 && h("span", { class: "note" }, ` ${plural(one.tensors.length, "tensor")}`)),
    [percent(one.kl_share), bar((one.kl_share ?? 0) / largest)], short(one.kl)] }));
  return h("div", {}, h("h3", {}, title), h("div", { class: "scroll" },
    table([{ name: "Put back", text: true }, { name: "KL that goes away", unit: "%" }, { name: "Mean KL then", unit: "nats" }], rows, `${title}, worst first`, "cards compact")));
}

export function culprits(candidate: Candidate): HTMLElement | null {
  const found = candidate.culprits ?? [];
  if (found.length === 0) return null;
  const largest = Math.max(...found.map((one) => one.kl_share ?? 0), 1e-9);
  return section("culprits", "The tensors to blame", "How much of the mean KL goes away when these tensors alone are put back to the reference's precision. Each is a real run.",
    h("div", { class: "culprits" }, kGroups.map(([group, title]) => {
      const members = found.filter((one) => one.group === group);
      return members.length === 0 ? null : groupTable(title, members, largest);
    })));
}
