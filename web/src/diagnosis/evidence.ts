// The residual before and after on a logarithmic bar, beside what rounding explains. All bars of a page have one axis.
import type { Measured } from "../data";
import { h } from "../dom";
import { short, tick } from "../format";
import type { Finding } from "./data";

export interface Axis {
  low: number; // powers of ten
  high: number;
}

const kRelative = "residual";

export function axisOf(findings: Finding[]): Axis {
  const values = findings.filter((one) => one.quantity === kRelative)
    .flatMap((one) => [one.residual_before, one.residual_after, one.expected])
    .filter((value): value is number => value !== null && value > 0);
  const powers = values.map(Math.log10);
  return { low: Math.max(-12, Math.floor(Math.min(-4, ...powers))), high: Math.min(6, Math.ceil(Math.max(0, ...powers))) };
}

/** 0 to 1. Zero is at the left end, what is not finite at the right end. */
function place(axis: Axis, value: Measured): number {
  if (value === null) return 1;
  if (value <= 0) return 0;
  return Math.max(0, Math.min(1, (Math.log10(value) - axis.low) / (axis.high - axis.low)));
}

function at(element: HTMLElement, left: number, right?: number): HTMLElement {
  element.style.left = `${100 * left}%`;
  if (right !== undefined) element.style.width = `${100 * Math.max(0, right - left)}%`;
  return element;
}

const figure = (value: Measured) => (value === null ? "not finite" : short(value, 2));

/** Whether the fault, put into the exact engine, took something away. */
function isReplayed({ residual_before: before, residual_after: after }: Finding): boolean {
  return after !== null && (before === null || after < before);
}

export function evidence(finding: Finding, axis: Axis): HTMLElement {
  const { residual_before: before, residual_after: after, expected, quantity } = finding;
  const replayed = isReplayed(finding);
  const explained = expected !== null && expected > 0;
  const figures = h("p", { class: "figures-line" },
    h("span", { class: "quantity" }, quantity), " ",
    h("b", { class: "before" }, figure(before)),
    replayed && [h("span", { class: "arrow" }, " → "), h("b", { class: "after" }, figure(after)), h("span", { class: "note" }, " with it made on purpose")],
    explained && h("span", { class: "note" }, `${replayed ? "; " : " where "}rounding explains ${figure(expected)}`));
  if (quantity !== kRelative) return h("div", { class: "evidence" }, figures);
  const left = place(axis, replayed ? after : before);
  const right = place(axis, before);
  const track = h("div", { class: "track", "aria-hidden": "true" },
    explained && at(h("span", { class: "explained" }), 0, place(axis, expected)),
    replayed && at(h("span", { class: "way" }), left, right),
    at(h("span", { class: "dot bad" }), right),
    replayed && at(h("span", { class: "dot good" }), left));
  const ticks = h("div", { class: "ticks", "aria-hidden": "true" });
  for (let power = axis.low; power <= axis.high; ++power) {
    if ((axis.high - power) % 2 === 0) ticks.append(at(h("span", {}, h("i", {}), tick(10 ** power)), place(axis, 10 ** power)));
  }
  return h("div", { class: "evidence" }, figures, track, ticks);
}
