// A line chart: uPlot with our colours, a readout above it that says the values under the pointer or, with the arrow
// keys, under the cursor, and the same figures as a table below.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { asTable, freshId, h, table } from "./dom";
import { colour, onTheme } from "./theme";

export interface Series {
  name: string;
  colour: string; // a colour of style.css
  values: (number | null)[];
  dash?: number[];
  width?: number;
  points?: boolean; // points alone, no line
}

export interface ChartOptions {
  label: string;
  x: number[];
  xName: string;
  xLabel: (index: number) => string; // of one place, in the readout
  xTicks?: (value: number) => string | null; // at the axis; null leaves it out
  series: Series[];
  yName: string;
  format: (value: number | null | undefined) => string; // with the unit
  axisFormat: (value: number) => string;
  logarithmic: boolean;
  height?: number;
  onCursor?: (index: number) => void;
  hint?: string;
  names?: string[]; // written beside the points of the first series
}

export interface Chart {
  element: HTMLElement;
  show(index: number): void;
  destroy(): void;
}

/** A logarithmic axis shows no more than this; what is below is out of sight. */
const kDecades = 5;
const kFont = '12px Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

function logarithmicRange(series: Series[]): [number, number] {
  const values = series.flatMap((one) => one.values).filter((value): value is number => value !== null && value > 0);
  if (values.length === 0) return [1e-3, 1];
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.ceil(Math.log10(Math.max(...values)) - 1e-9);
  return [10 ** Math.max(low, high - kDecades), 10 ** Math.max(high, low + 1)];
}

/** Every power of ten; within a single one also twice and five times it. */
function logarithmicSplits(low: number, high: number): number[] {
  const splits = [];
  const first = Math.round(Math.log10(low));
  const last = Math.round(Math.log10(high));
  for (let exponent = first; exponent <= last; ++exponent) {
    for (const digit of last - first <= 1 ? [1, 2, 5] : [1]) splits.push(digit * 10 ** exponent);
  }
  return splits.filter((split) => split <= high * 1.001);
}

export function chart(options: ChartOptions): Chart {
  const { x, series, format } = options;
  const values = series.map((one) => one.values.map((v) => (options.logarithmic && (v ?? 0) <= 0 ? null : v)));
  const places = h("output", { class: "place" });
  const figures = series.map(() => h("output", { class: "value" }));
  const readoutId = freshId();
  const readout = h("div", { class: "readout", id: readoutId, "aria-live": "polite" }, places,
    series.map((one, i) => {
      const key = h("i", { class: `key${one.dash ? " dashed" : ""}${one.points ? " dot" : ""}` });
      key.style.setProperty("--key", `var(--${one.colour})`);
      return h("span", { class: "entry" }, key, h("span", {}, one.name), figures[i]!);
    }));
  const canvas = h("div", {
    class: "canvas", tabindex: 0, role: "group", "aria-roledescription": "chart", "aria-label": options.label,
    "aria-describedby": readoutId, keydown: onKey,
  });
  let plot: uPlot | null = null;
  let index = -1;

  function say(at: number): void {
    index = at;
    places.value = at < 0 ? (options.hint ?? "Point at the chart, or use the arrow keys") : options.xLabel(at);
    figures.forEach((figure, i) => (figure.value = at < 0 ? "" : format(series[i]!.values[at])));
    readout.classList.toggle("idle", at < 0);
  }

  function show(at: number): void {
    say(at);
    if (!plot) return;
    const left = at < 0 ? -10 : plot.valToPos(x[at]!, "x");
    plot.setCursor({ left, top: at < 0 ? -10 : 0 }, false);
  }

  function onKey(event: KeyboardEvent): void {
    const last = x.length - 1;
    const to: Record<string, number> = {
      ArrowRight: Math.min(last, index + 1), ArrowLeft: Math.max(0, index - 1), Home: 0, End: last,
      PageDown: Math.min(last, index + 10), PageUp: Math.max(0, index - 10),
    };
    const next = event.key === "Escape" ? -1 : to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(next);
    if (next >= 0) options.onCursor?.(next);
  }

  function draw(): void {
    plot?.destroy();
    const axis = { stroke: colour("muted"), font: kFont, ticks: { stroke: colour("rule"), size: 4, width: 1 } };
    const grid = { stroke: colour("grid"), width: 1 };
    const ticks = options.xTicks;
    plot = new uPlot({
      width: Math.max(120, canvas.clientWidth),
      height: options.height ?? 260,
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: {
        drag: { x: false, y: false },
        y: false,
        points: { size: 7, fill: (_, i) => colour(series[i - 1]!.colour), stroke: () => colour("paper") },
      },
      scales: {
        x: { time: false, range: (_, low, high) => (low === high ? [low - 1, high + 1] : padded(low, high, options.names ? 0.08 : 0.015)) },
        y: options.logarithmic
          ? { distr: 3, range: () => logarithmicRange(series) }
          : { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 34, space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
          values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? (ticks ? ticks(v) : String(v)) : null)) },
        { ...axis, grid, size: 58, space: 34,
          ...(options.logarithmic && { splits: (_self: uPlot, _axis: number, low: number, high: number) => logarithmicSplits(low, high), filter: (_self: uPlot, splits: number[]) => splits }),
          values: (_, splits) => splits.map(options.axisFormat) },
      ],
      series: [{}, ...series.map((one): uPlot.Series => ({
        stroke: () => colour(one.colour),
        width: one.width ?? 1.75,
        dash: one.dash,
        spanGaps: false,
        paths: one.points ? () => null : undefined,
        points: { show: one.points || x.length <= 80, size: one.points ? 7 : 5,
          fill: () => colour(one.points ? one.colour : "paper"), stroke: () => colour(one.colour), width: 1.5 },
      }))],
      hooks: {
        draw: [(self) => options.names && writeNames(self, options.names)],
        setCursor: [(self) => {
          const at = self.cursor.idx;
          if (self.cursor.event && at !== null && at !== undefined && at !== index) {
            say(at);
            options.onCursor?.(at);
          }
        }],
      },
    }, [x, ...values] as uPlot.AlignedData, canvas);
    if (index >= 0) show(index);
  }

  const observer = new ResizeObserver(() => {
    if (!plot) draw();
    else if (Math.abs(plot.width - canvas.clientWidth) > 1) {
      plot.setSize({ width: Math.max(120, canvas.clientWidth), height: options.height ?? 260 });
      if (index >= 0) show(index);
    }
  });
  observer.observe(canvas);
  const forgetTheme = onTheme(() => plot && draw());
  say(-1);

  const figuresTable = asTable(() => table(
    [{ name: options.xName, text: true }, ...series.map((one) => ({ name: one.name }))],
    x.map((_, i) => ({ cells: [options.xLabel(i), ...series.map((one) => format(one.values[i]))] })), options.label,
    "plain"));
  const element = h("figure", { class: "chart" }, readout,
    h("div", { class: "axis-name" }, options.yName), canvas, h("div", { class: "axis-name x" }, options.xName), figuresTable);
  return { element, show, destroy: () => { forgetTheme(); observer.disconnect(); plot?.destroy(); } };
}

function writeNames(plot: uPlot, names: string[]): void {
  const { ctx } = plot;
  ctx.save();
  ctx.font = kFont.replace("12px", `600 ${12 * devicePixelRatio}px`);
  ctx.fillStyle = colour("ink");
  ctx.textAlign = "left";
  names.forEach((name, i) => {
    const value = plot.data[1]![i];
    if (value === null || value === undefined) return;
    ctx.fillText(name, plot.valToPos(plot.data[0][i]!, "x", true) + 8 * devicePixelRatio, plot.valToPos(value, "y", true) - 8 * devicePixelRatio);
  });
  ctx.restore();
}

function padded(low: number, high: number, share: number): [number, number] {
  const margin = (high - low) * share;
  return [low - margin, high + margin];
}
