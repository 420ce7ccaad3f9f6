// The ten steps of the heat scale. Steps are told apart by lightness alone, so that every eye can.
import { h } from "./dom";
import type { Measured } from "./data";

export const kLevels = 10;

/** Ascending thresholds; a value's level is how many it reaches. */
export interface Scale {
  thresholds: number[];
  format: (value: number) => string;
  reversed?: boolean; // small is bad
}

export function level(scale: Scale, value: Measured): number {
  if (value === null) return scale.reversed ? 0 : kLevels - 1;
  const reached = scale.thresholds.filter((threshold) => value >= threshold).length;
  return scale.reversed ? kLevels - 1 - reached : reached;
}

/** KL in nats. The same for every candidate and text, so that colours can be compared. */
export const kKlScale: Scale = {
  thresholds: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1],
  format: (value) => String(value),
};

/** Equal steps, in the logarithm where that is wanted, from the smallest to the largest of `values`. */
export function fittedScale(values: number[], logarithmic: boolean, format: (value: number) => string): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
  if (finite.length === 0) return { thresholds: [], format };
  const to = logarithmic ? Math.log : (x: number) => x;
  const from = logarithmic ? Math.exp : (x: number) => x;
  const low = to(Math.min(...finite));
  const high = to(Math.max(...finite));
  const thresholds = [];
  for (let i = 1; i < kLevels; ++i) thresholds.push(from(low + ((high - low) * i) / kLevels));
  return { thresholds, format };
}

export function legend(scale: Scale, unit: string): HTMLElement {
  const cells = [];
  for (let i = 0; i < kLevels; ++i) {
    const shade = scale.reversed ? kLevels - 1 - i : i;
    const threshold = scale.thresholds[i];
    cells.push(h("li", {}, h("span", { class: `swatch heat-${shade}` }),
      h("span", { class: "at" }, threshold === undefined ? "" : scale.format(threshold))));
  }
  return h("div", { class: "scale" }, h("ol", { "aria-label": `Colour scale in ${unit}` }, cells), h("span", { class: "unit" }, unit));
}
