// Numbers for reading: as many digits as mean something, a real minus sign, powers of ten below a thousandth.
import type { Measured } from "./data";

const kSuperscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function power(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => kSuperscripts[Number(digit)]).join("");
  return `×10${exponent < 0 ? "⁻" : ""}${digits}`;
}

function minus(text: string): string {
  return text.replace("-", "−");
}

export function fixed(value: Measured | undefined, digits: number): string {
  return value === null || value === undefined ? "–" : minus(value.toFixed(digits));
}

/** Three significant digits. */
export function short(value: Measured | undefined, digits = 3): string {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e6) return minus(String(Number(value.toPrecision(digits)).toFixed(decimals(size, digits))));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return minus(mantissa!) + power(Number(exponent));
}

function decimals(size: number, digits: number): number {
  return Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
}

/** At an axis: short, and powers of ten as such. */
export function tick(value: number): string {
  const text = short(value, 2);
  return text.startsWith("1.0×") ? text.slice(4) : text.replace(/^(−?\d+(\.\d*?[1-9])?)\.?0*$/, (whole, digits: string) => (whole.includes(".") ? digits : whole));
}

/** A mean and its standard error, which has two digits and sets those of the mean. */
export function withError(mean: Measured | undefined, error: Measured | undefined): string {
  if (mean === null || mean === undefined) return "–";
  if (error === null || error === undefined || error <= 0) return short(mean, 4);
  const exponent = Math.abs(mean) < 1e-3 && mean !== 0 ? Math.floor(Math.log10(Math.abs(mean))) : 0;
  const scale = 10 ** -exponent;
  const places = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(error * scale))));
  const text = `${minus((mean * scale).toFixed(places))} ± ${(error * scale).toFixed(places)}`;
  return exponent === 0 ? text : `(${text})${power(exponent)}`;
}

/** Of a share 0..1, without the sign. */
export function percent(share: Measured | undefined): string {
  if (share === null || share === undefined) return "–";
  const value = 100 * share;
  const size = Math.abs(value);
  return size === 0 ? "0" : size >= 10 ? fixed(value, 1) : size >= 1 ? fixed(value, 2) : short(value, 2);
}

export function percentSign(share: Measured | undefined): string {
  const text = percent(share);
  return text === "–" ? text : `${text} %`;
}

export function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return value >= 1000 ? `${(value / 1000).toFixed(2)} GB` : `${value.toFixed(value < 100 ? 1 : 0)} MB`;
}

/** exp of a log-probability, in percent. */
export function probability(logProb: Measured | undefined): string {
  return logProb === null || logProb === undefined ? "–" : percentSign(Math.exp(logProb));
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
