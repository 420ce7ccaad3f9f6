// What names and outcomes mean, in words.
import { h } from "../dom";

const kArithmetics: Record<string, string> = {
  f64: "float64", f32: "float32", f16: "float16", q8: "8-bit activations", bf16: "bfloat16", f16acc: "float16 sums",
};

export function arithmeticInWords(name: string): string {
  return kArithmetics[name] ?? name;
}

/** A sentence in which `names` stand between backticks. */
export function sentence(text: string): (HTMLElement | string)[] {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part));
}

/** "owner/repository#12" and "owner/repository" as links; whatever else as it stands. */
export function sources(text: string): HTMLElement {
  const list = h("span", { class: "sources" });
  for (const word of text.split(" ").filter((one) => one !== "")) {
    const thread = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:#(\d+))?$/.exec(word);
    list.append(list.childNodes.length > 0 ? " " : "", thread
      ? h("a", { href: `https://github.com/${thread[1]}${thread[2] ? `/issues/${thread[2]}` : ""}`, rel: "noopener noreferrer" }, word)
      : word);
  }
  return list;
}
