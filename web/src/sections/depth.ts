// Error against depth: total, introduced and inherited through the layers, or all candidates side by side.
import { chart } from "../chart";
import type { Chart, Series } from "../chart";
import type { Candidate, Comparison, Measured, Tap } from "../data";
import { shortNames, tapKind } from "../data";
import { choice, h, section, select } from "../dom";
import { percentSign, tick } from "../format";

type Quantity = "relative_error" | "introduced" | "inherited";
const kStream = "residual stream (layer output)";
const kProducts = "matrix products (rms)";

const kCandidateColours = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];

export function layersOf(taps: Tap[]): number[] {
  return [...new Set(taps.map((tap) => tap.layer))].filter((layer): layer is number => layer !== null).sort((a, b) => a - b);
}

export function kindsOf(taps: Tap[]): string[] {
  return [...new Set(taps.filter((tap) => tap.layer !== null).map(tapKind))];
}

function rootMeanSquare(values: Measured[]): Measured {
  const finite = values.filter((value): value is number => value !== null);
  return finite.length === 0 ? null : Math.sqrt(finite.reduce((sum, value) => sum + value * value, 0) / finite.length);
}

/** One value for each layer. */
function through(taps: Tap[], layers: number[], kind: string, quantity: Quantity): Measured[] {
  return layers.map((layer) => {
    const own = taps.filter((tap) => tap.layer === layer);
    if (kind === kProducts) return rootMeanSquare(own.filter((tap) => tap.operation === "linear").map((tap) => tap[quantity]));
    const tap = kind === kStream ? own.at(-1) : own.find((one) => tapKind(one) === kind);
    return tap ? tap[quantity] : null;
  });
}

const toPercent = (values: Measured[]) => values.map((value) => (value === null ? null : 100 * value));

export function depth(comparison: Comparison, candidate: Candidate): HTMLElement {
  const { taps } = candidate;
  const lead = "Relative error of what each layer computes. Introduced: the candidate's weights on the reference's inputs. Inherited: what came in already wrong. The two are vectors, so their lengths need not add up to the total's.";
  if (taps.length === 0) {
    return section("depth", "Error against depth", "", h("p", { class: "empty" }, "The layers were not compared in this run: ", h("code", {}, "--drift N"), " follows N tokens through them."));
  }
  const layers = layersOf(taps);
  const names = shortNames(comparison.candidates);
  const places = [kProducts, kStream, ...kindsOf(taps)];
  const many = comparison.candidates.filter((one) => one.taps.length > 0).length > 1;
  let place = 0;
  let all = false;
  let logarithmic = false;
  let drawn: Chart | null = null;
  const slot = h("div", {});

  function series(): Series[] {
    const kind = places[place]!;
    if (all) {
      return comparison.candidates.flatMap((one, i) => one.taps.length === 0 ? [] : [{
        name: names[i]!, colour: kCandidateColours[i % kCandidateColours.length]!, dash: i >= 8 ? [5, 4] : undefined,
        width: one === candidate ? 2.75 : 1.5, values: toPercent(through(one.taps, layers, kind, "relative_error")),
      }]);
    }
    const own: Series[] = [
      { name: "total", colour: "total", width: 2.25, values: toPercent(through(taps, layers, kind, "relative_error")) },
      { name: "introduced", colour: "introduced", values: toPercent(through(taps, layers, kind, "introduced")) },
      { name: "inherited", colour: "inherited", dash: [7, 4], values: toPercent(through(taps, layers, kind, "inherited")) },
    ];
    if (kind === kStream) return own.slice(0, 1);
    return [...own, { name: "residual stream", colour: "muted", width: 1.25, dash: [2, 3], values: toPercent(through(taps, layers, kStream, "relative_error")) }];
  }

  function draw(): void {
    drawn?.destroy();
    drawn = chart({
      label: `Relative error of ${places[place]} against the layer`, x: layers, xName: "Layer", xLabel: (i) => `blk.${layers[i]}`,
      series: series(), yName: `Relative error, %${logarithmic ? " (logarithmic)" : ""}`,
      format: (value) => percentSign(value === null || value === undefined ? null : value / 100),
      axisFormat: tick, logarithmic, height: 280,
    });
    slot.replaceChildren(drawn.element);
  }
  draw();
  return section("depth", "Error against depth", lead, h("div", { class: "controls" },
    select("Error of", places, place, (index) => { place = index; draw(); }),
    many && choice("Lines", ["This candidate", "All candidates"], 0, (index) => { all = index === 1; draw(); }),
    choice("Scale", ["Linear", "Logarithmic"], 0, (index) => { logarithmic = index === 1; draw(); })), slot);
}
