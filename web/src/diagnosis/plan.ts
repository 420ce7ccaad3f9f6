// The plan as a picture: a row for each layer, its steps from left to right as data flows, each coloured by how it came
// out. Whatever has the pointer or the focus is described beside it, and what it reads is marked.
import { h, section } from "../dom";
import { short } from "../format";
import { moveInGrid } from "../grid";
import type { Diagnosis, Finding, PlanStep, Step } from "./data";
import { isCertain, mistakes, splitTap } from "./data";
import { arithmeticInWords, sentence } from "./words";

type Status = "healthy" | "coarser" | "undecided" | "suspected" | "wrong" | "shows" | "absent-step";

const kLegend: [Status, string, string][] = [
  ["healthy", "", "right on the inputs it had"], ["coarser", "≈", "right, less precise than the rest"], ["undecided", "?", "not decided"],
  ["wrong", "1", "wrong, with the number of the finding"], ["suspected", "1", "suspected, with the number of the finding"], ["shows", "1", "where a finding shows"], ["absent-step", "", "not given"],
];

interface Cell {
  plan: PlanStep;
  step: Step | undefined;
  status: Status;
  number: number; // of its finding; 0: none
  finding: Finding | undefined;
}

/** What is no step of the network but may be wrong all the same stands before and behind it. */
function withGates(diagnosis: Diagnosis, found: Finding[]): PlanStep[] {
  const gate = (tap: string): PlanStep[] => (found.some((finding) => finding.taps.includes(tap)) ? [{ tap, operation: tap, reads: [] }] : []);
  return [...gate("tokens"), ...diagnosis.plan, ...gate("sampler")];
}

/** The finding that a step is blamed by, or else the one that shows there. */
function blame({ tap, weight }: PlanStep, step: Step | undefined, found: Finding[]): [number, boolean] {
  const own = found.findIndex(({ taps }) => taps.includes(tap) || (weight !== undefined && taps.includes(weight)));
  if (own >= 0) return [own + 1, true];
  // With logits alone no step has an outcome.
  if (step === undefined) return [found.findIndex((finding) => finding.observed === tap) + 1, false];
  if (step?.outcome !== "fault" && step?.outcome !== "unknown") return [0, false];
  const kind = splitTap(tap)[1];
  return [found.findIndex((finding) => finding.observed && splitTap(finding.observed)[1] === kind) + 1, false];
}

function judge(plan: PlanStep, step: Step | undefined, found: Finding[], coarse: Set<string>): Cell {
  const [number, isBlamed] = blame(plan, step, found);
  const outcome = step?.outcome ?? "not_given";
  const status: Status = isBlamed ? (isCertain(found[number - 1]!) ? "wrong" : "suspected") : number > 0 || outcome === "fault" || outcome === "unknown" ? "shows" : outcome === "undecided" ? "undecided"
    : outcome === "not_given" ? "absent-step" : step?.coarser || coarse.has(plan.tap) ? "coarser" : "healthy";
  return { plan, step, status, number, finding: found[number - 1] };
}

function outcomeInWords({ status, step, number }: Cell): string {
  switch (status) {
    case "healthy": return "right on the inputs it had";
    case "coarser": return "right, less precise than the rest";
    case "undecided": return "not decided: what it read is not known well enough";
    case "wrong":
    case "suspected": return `${status}: finding ${number}${step?.outcome === "not_given" ? ", not given itself" : ""}`;
    case "shows": return number > 0 ? `differs: finding ${number} shows here` : "differs";
    case "absent-step": return "not given";
  }
}

const layerName = (tap: string, layer: number | null) => (layer !== null && splitTap(tap)[0] === layer ? splitTap(tap)[1] : tap);

function describe(cell: Cell): HTMLElement {
  const { plan, step, finding, number } = cell;
  const layer = splitTap(plan.tap)[0];
  const rows: [string, string][] = [["Operation", plan.operation]];
  if (plan.reads.length > 0) rows.push(["Reads", plan.reads.map((tap) => layerName(tap, layer)).join(", ")]);
  if (plan.weight) rows.push(["Weight", `${plan.weight}, ${plan.weight_type}`]);
  if (step && step.outcome !== "not_given") {
    rows.push(["Residual", step.residual === null ? "not finite" : short(step.residual, 2)]);
    if (step.expected) rows.push(["Rounding explains", short(step.expected, 2)]);
  }
  if (step?.arithmetic) rows.push(["Arithmetic", arithmeticInWords(step.arithmetic)]);
  return h("div", {}, h("div", { class: "what" }, h("b", {}, plan.tap)),
    h("p", { class: "outcome" }, h("i", { class: `swatch s-${cell.status}`, "aria-hidden": "true" }), outcomeInWords(cell)),
    h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    finding && h("p", { class: "blamed" }, h("a", { href: `#finding-${number}` }, `${number}. `, sentence(finding.claim))));
}

export function plan(diagnosis: Diagnosis): HTMLElement {
  const found = mistakes(diagnosis);
  const steps = new Map(diagnosis.steps.map((step) => [step.tap, step]));
  const coarse = new Set(diagnosis.findings.filter((finding) => finding.class === "rounding").flatMap((finding) => finding.taps));
  const cells = withGates(diagnosis, found).map((one) => judge(one, steps.get(one.tap), found, coarse));
  const layered = cells.filter(({ plan }) => splitTap(plan.tap)[0] !== null);
  const first = cells.indexOf(layered[0]!);
  const before = layered.length > 0 ? cells.slice(0, first) : cells;
  const after = layered.length > 0 ? cells.slice(first).filter((cell) => !layered.includes(cell)) : [];
  const layers = [...new Set(layered.map(({ plan }) => splitTap(plan.tap)[0]!))];
  const kinds = [...new Set(layered.map(({ plan }) => splitTap(plan.tap)[1]))];
  const at = new Map(layered.map((cell) => [cell.plan.tap, cell]));
  // A layer's stages end where their result is added to what came in.
  const ends = new Set(kinds.filter((kind) => at.get(`blk.${layers[0]}.${kind}`)?.plan.operation === "add"));

  const detail = h("div", { class: "detail", "aria-live": "polite" });
  const drawn = new Map<string, HTMLElement>();
  const show = (cell: Cell) => {
    detail.replaceChildren(describe(cell));
    for (const element of drawn.values()) element.classList.remove("read", "active");
    for (const tap of cell.plan.reads) drawn.get(tap)?.classList.add("read");
    drawn.get(cell.plan.tap)?.classList.add("active");
  };
  const draw = (cell: Cell, label: boolean, isStart = false) => {
    const mark = cell.number > 0 ? String(cell.number) : cell.status === "coarser" ? "≈" : cell.status === "undecided" ? "?" : "";
    const element = h("td", {
      class: `s-${cell.status}${isStart ? " start" : ""}`, tabindex: -1, "aria-label": `${cell.plan.tap}: ${outcomeInWords(cell)}`,
      pointerenter: () => show(cell), focus: () => show(cell),
      click: () => cell.number > 0 && follow(cell.number),
      keydown: (event: KeyboardEvent) => event.key === "Enter" && cell.number > 0 && follow(cell.number),
    }, label ? [cell.plan.tap, mark && h("b", {}, ` ${mark}`)] : mark);
    drawn.set(cell.plan.tap, element);
    return element;
  };
  const rows: HTMLElement[][] = [];
  const onKey = (event: KeyboardEvent) => moveInGrid(event, rows);
  const outside = (some: Cell[], label: string) => {
    if (some.length === 0) return null;
    const row = some.map((cell) => draw(cell, true));
    rows.push(row);
    return h("table", { class: "plan ends", role: "grid", "aria-label": label, keydown: onKey }, h("tbody", {}, h("tr", {}, row)));
  };
  const start = outside(before, "Before the layers");
  const body = layers.map((layer) => {
    const row = kinds.map((kind, i) => {
      const cell = at.get(`blk.${layer}.${kind}`);
      return cell ? draw(cell, false, i > 0 && ends.has(kinds[i - 1]!)) : h("td", { class: "absent" });
    });
    rows.push(row);
    return h("tr", {}, h("th", { scope: "row" }, layer), row);
  });
  const grid = layers.length > 0 && h("div", { class: "scroll" },
    h("table", { class: `plan${layers.length > 40 ? " dense" : ""}`, role: "grid", "aria-label": "Steps by layer", keydown: onKey },
      h("thead", {}, h("tr", {}, h("td", { class: "corner" }), kinds.map((kind, i) => h("th", { scope: "col", class: i > 0 && ends.has(kinds[i - 1]!) && "start" }, h("span", {}, kind))))),
      h("tbody", {}, body)));
  const finish = outside(after, "After the layers");
  rows[0]?.[0]?.setAttribute("tabindex", "0");
  detail.append(h("p", { class: "note" }, "Point at a step, tap it, or use the arrow keys. What it reads is outlined."));
  const used = new Set(cells.map((cell) => cell.status));
  const legend = h("ul", { class: "plan-legend" }, kLegend.filter(([status]) => used.has(status)).map(([status, mark, text]) =>
    h("li", {}, h("i", { class: `swatch s-${status}`, "aria-hidden": "true" }, mark), text)));
  const how = diagnosis.steps.length > 0 ? "Every step was run exactly on the inputs that the candidate's own step had."
    : "No value inside the model was given, so no step was judged by itself: a mistake stands where it explains what came out.";
  return section("plan", "The plan, step by step", `${how} A row is a layer; data flows from left to right, then down.`,
    h("div", { class: "plan-area" }, h("div", { class: "plan-main" }, start, grid, finish, legend), detail));
}

function follow(number: number): void {
  const card = document.getElementById(`finding-${number}`);
  card?.scrollIntoView({ block: "center" });
  card?.focus({ preventScroll: true });
}
