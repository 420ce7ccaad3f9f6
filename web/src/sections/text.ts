// KL along the text, a chunk at a time: the overview of chunks, the chart, and the text itself, coloured. Chart and text
// move together; what is under the pointer or the cursor is spelled out beside them.
import { chart } from "../chart";
import type { Chart } from "../chart";
import type { Candidate, CandidatePositions, Comparison, SharedPositions } from "../data";
import { h, section, table, token } from "../dom";
import { fixed, plural, probability, short, tick } from "../format";
import { kKlScale, legend, level } from "../levels";

const kWorst = 12;
const kLead = 16; // tokens of context shown before the scored ones

interface Text {
  comparison: Comparison;
  shared: SharedPositions;
  own: CandidatePositions;
  context: number;
  starts: number[]; // of each chunk in the columns; one more at the end
}

/** The characters that each token completes; characters may be spread over tokens. */
function texts(comparison: Comparison, ids: number[]): string[] {
  const decoder = new TextDecoder();
  return ids.map((id) => {
    const piece = comparison.pieces?.[id] ?? "";
    if (typeof piece === "string") return decoder.decode() + piece;
    return decoder.decode(Uint8Array.from(piece), { stream: true });
  });
}

export function pieceText(comparison: Comparison, id: number): string {
  const piece = comparison.pieces?.[id];
  if (piece === undefined) return `#${id}`;
  return typeof piece === "string" ? piece : piece.map((byte) => `<${byte.toString(16).toUpperCase().padStart(2, "0")}>`).join("");
}

/** A line's end has no width of its own to point at. */
function visible(text: string): (Node | string)[] {
  return text.split("\n").flatMap((line, i) => (i === 0 ? [line] : [h("i", { class: "return" }, "↵"), "\n", line]));
}

function startsOf(chunks: number[]): number[] {
  const starts: number[] = [];
  chunks.forEach((chunk, i) => {
    while (starts.length <= chunk) starts.push(i);
  });
  return [...starts, chunks.length];
}

function mean(values: (number | null)[]): number | null {
  const finite = values.filter((value): value is number => value !== null);
  return finite.length === 0 ? null : finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

const isFlip = ({ shared, own }: Text, i: number) => shared.reference_top[i] !== own.candidate_top[i];

function details(text: Text, i: number, target: HTMLElement): void {
  const { comparison, shared, own } = text;
  const id = comparison.tokens?.[shared.chunk[i]! * text.context + shared.position[i]!];
  const near = own.near_tie[i] === 1;
  const row = (name: string, value: (Node | string)[] | string) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  target.replaceChildren(
    h("p", { class: "what" }, id === undefined ? "" : token(pieceText(comparison, id)),
      h("span", { class: "note" }, `chunk ${shared.chunk[i]! + 1}, position ${shared.position[i]}`)),
    h("dl", {},
      row("KL", [h("b", {}, `${short(own.kl[i])} nats`)]),
      row("log p, reference", `${fixed(shared.reference_log_prob[i], 3)} nats (${probability(shared.reference_log_prob[i])})`),
      row("log p, candidate", `${fixed(own.candidate_log_prob[i], 3)} nats (${probability(own.candidate_log_prob[i])})`),
      row("Top, reference", [token(pieceText(comparison, shared.reference_top[i]!))]),
      row("Top, candidate", [token(pieceText(comparison, own.candidate_top[i]!)),
        isFlip(text, i) ? h("span", { class: `tag ${near ? "near" : "flip"}` }, near ? "near tie" : "flip") : h("span", { class: "note" }, "same")]),
      row("Margin, reference", `${short(shared.reference_margin[i])} logits${near ? ", a near tie" : ""}`)));
}

function chunkPart(text: Text, chunk: number, panel: HTMLElement, focus: number | null): { element: HTMLElement; drawn: Chart } {
  const { comparison, shared, own, context } = text;
  const from = text.starts[chunk]!;
  const count = text.starts[chunk + 1]! - from;
  const pieces = texts(comparison, (comparison.tokens ?? []).slice(chunk * context, (chunk + 1) * context));
  const first = shared.position[from] ?? context;
  const spans: HTMLElement[] = [];
  let active = -1;

  const drawn = chart({
    label: `KL divergence along chunk ${chunk + 1}`, x: shared.position.slice(from, from + count), xName: "Position in the chunk, tokens",
    xLabel: (i) => `position ${shared.position[from + i]} ${JSON.stringify(pieces[shared.position[from + i]!] ?? "")}`,
    series: [{ name: "KL", colour: "total", width: 1.25, values: own.kl.slice(from, from + count) }],
    yName: "KL, nats (logarithmic)", format: (value) => (value === null || value === undefined ? "–" : `${short(value)} nats`),
    axisFormat: tick, logarithmic: true, height: 180, onCursor: (i) => activate(i, false),
    hint: "Point at the chart or the text, or use the arrow keys in either",
  });

  function activate(i: number, move: boolean): void {
    spans[active]?.classList.remove("active");
    if (active >= 0) spans[active]!.tabIndex = -1;
    active = i;
    const span = spans[i]!;
    span.classList.add("active");
    span.tabIndex = 0;
    details(text, from + i, panel);
    if (move) drawn.show(i);
  }

  const span = (i: number) => {
    const at = from + i;
    const shown = pieces[shared.position[at]!] ?? "";
    const flip = isFlip(text, at) ? (own.near_tie[at] === 1 ? " near-tie" : " flipped") : "";
    const element = h("span", { class: `t heat-${level(kKlScale, own.kl[at]!)}${flip}`, tabindex: i === 0 ? 0 : -1,
      "data-i": i }, shown === "" ? h("i", { class: "part" }) : visible(shown));
    spans.push(element);
    return element;
  };
  const body = h("div", { class: "tokens", role: "group", "aria-label": `Text of chunk ${chunk + 1}, coloured by KL; arrow keys move through its tokens` });
  const lead = pieces.slice(Math.max(0, first - kLead), first).join("");
  if (lead) body.append(h("span", { class: "note before" }, `…${lead.trimStart()}`));
  for (let i = 0; i < count; ++i) body.append(span(i));
  const indexOf = (event: Event) => (event.target as HTMLElement).closest<HTMLElement>("[data-i]")?.dataset.i;
  for (const type of ["pointerover", "focusin"]) {
    body.addEventListener(type, (event) => {
      const i = indexOf(event);
      if (i !== undefined && Number(i) !== active) activate(Number(i), true);
    });
  }
  body.addEventListener("keydown", (event) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -count, End: count };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    spans[Math.max(0, Math.min(count - 1, Math.max(0, active) + step))]?.focus();
  });
  const before = h("details", { class: "unscored" }, h("summary", {}, `${plural(first, "token")} of context before it, not scored`),
    h("div", { class: "tokens" }, pieces.slice(0, first).join("")));
  if (focus !== null) queueMicrotask(() => spans[focus - from]?.focus());
  return { element: h("div", {}, drawn.element, before, body), drawn };
}

function overviewStrip(means: (number | null)[], onChoose: (chunk: number) => void): HTMLElement {
  const largest = Math.max(...means.map((value) => value ?? 0), 1e-12);
  const strip = h("div", { class: "strip", "aria-hidden": "true" });
  means.forEach((value, i) => {
    const column = h("span", { class: "column", title: `chunk ${i + 1}: mean KL ${short(value)} nats`, click: () => onChoose(i) }, h("span", { class: `heat-${level(kKlScale, value)}` }));
    (column.firstChild as HTMLElement).style.height = `${Math.max(4, (100 * (value ?? 0)) / largest)}%`;
    strip.append(column);
  });
  return strip;
}

export function textSection(comparison: Comparison, candidate: Candidate, state: { chunk: number }): HTMLElement {
  const shared = comparison.text_positions;
  const own = candidate.text_positions;
  if (!shared || !own || own.kl.length === 0) {
    return section("text", "Along the text", "", h("p", { class: "empty" }, "No text was given: ", h("code", {}, "--text FILE"), " shows where in it the candidate differs."));
  }
  const text: Text = { comparison, shared, own, context: comparison.context ?? 0, starts: startsOf(shared.chunk) };
  const chunks = text.starts.length - 1;
  const means = Array.from({ length: chunks }, (_, i) => mean(own.kl.slice(text.starts[i], text.starts[i + 1])));
  const panel = h("aside", { class: "detail", "aria-live": "polite", "aria-label": "The token under the cursor" });
  const slot = h("div", { class: "text-main" });
  const strip = overviewStrip(means, (chunk) => go(chunk, null));
  const list = h("select", { "aria-label": "Chunk", change: () => go(list.selectedIndex, null) },
    means.map((value, i) => h("option", {}, `Chunk ${i + 1} of ${chunks}: mean KL ${short(value)} nats`)));
  const step = (by: number, name: string, sign: string) =>
    h("button", { type: "button", class: "step", "aria-label": name, click: () => go(state.chunk + by, null) }, sign);
  const back = step(-1, "Previous chunk", "‹");
  const next = step(1, "Next chunk", "›");
  let drawn: Chart | null = null;

  function go(chunk: number, focus: number | null): void {
    state.chunk = Math.max(0, Math.min(chunks - 1, chunk));
    list.selectedIndex = state.chunk;
    back.disabled = state.chunk === 0;
    next.disabled = state.chunk === chunks - 1;
    [...strip.children].forEach((column, i) => column.classList.toggle("chosen", i === state.chunk));
    drawn?.destroy();
    panel.replaceChildren(h("p", { class: "note" }, "Point at a token, or tab into the text and use the arrow keys."));
    const part = chunkPart(text, state.chunk, panel, focus);
    drawn = part.drawn;
    slot.replaceChildren(part.element);
  }
  go(state.chunk, null);

  const worst = own.kl.map((_, i) => i).sort((a, b) => (own.kl[b] ?? Infinity) - (own.kl[a] ?? Infinity)).slice(0, kWorst);
  const jump = (i: number) => {
    const id = comparison.tokens?.[shared.chunk[i]! * text.context + shared.position[i]!];
    return h("button", { type: "button", class: "link", click: () => go(shared.chunk[i]!, i) }, id === undefined ? String(i) : token(pieceText(comparison, id)));
  };
  const worstTable = table(
    [{ name: "Token", text: true }, { name: "Chunk" }, { name: "Position" }, { name: "KL", unit: "nats" }, { name: "p, reference" }, { name: "p, candidate" },
      { name: "Top, reference", text: true }, { name: "Top, candidate", text: true }],
    worst.map((i) => ({ cells: [jump(i), shared.chunk[i]! + 1, shared.position[i]!, short(own.kl[i]), probability(shared.reference_log_prob[i]), probability(own.candidate_log_prob[i]),
      token(pieceText(comparison, shared.reference_top[i]!)),
      [token(pieceText(comparison, own.candidate_top[i]!)), isFlip(text, i) ? h("span", { class: `tag ${own.near_tie[i] ? "near" : "flip"}` }, own.near_tie[i] ? "near tie" : "flip") : null]] })),
    "Positions with the largest KL", "cards compact");
  return section("text", "Along the text", "Each token is coloured by the KL divergence of the prediction made for it. Colours mean the same for every candidate. A solid line marks a flip, a dotted one a near tie.",
    chunks > 1 && h("div", { class: "chunks" }, h("div", { class: "controls" }, back, list, next), strip),
    legend(kKlScale, "nats"), h("div", { class: "text-area" }, slot, panel),
    h("h3", {}, "Where it differs most"), h("div", { class: "scroll" }, worstTable));
}
