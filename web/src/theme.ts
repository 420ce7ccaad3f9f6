// Light, dark, or as the system says; what a person chose is kept where the browser allows it.
import { choice } from "./dom";

const kNames = ["auto", "light", "dark"] as const;
const kKey = "assay-theme";
const listeners = new Set<() => void>();

/** Returns what ends it. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A colour of style.css as it is in the current theme. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function apply(index: number): void {
  const name = kNames[index] ?? "auto";
  document.documentElement.dataset.theme = name;
  for (const listener of listeners) listener();
}

function stored(): number {
  try {
    return Math.max(0, kNames.indexOf((localStorage.getItem(kKey) ?? "auto") as (typeof kNames)[number]));
  } catch {
    return 0;
  }
}

export function themeControl(): HTMLElement {
  const start = stored();
  apply(start);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(stored()));
  return choice("Theme", ["Auto", "Light", "Dark"], start, (index) => {
    try {
      localStorage.setItem(kKey, kNames[index]!);
    } catch {
      // A browser that keeps nothing for files: the choice lasts as long as the page.
    }
    apply(index);
  });
}
