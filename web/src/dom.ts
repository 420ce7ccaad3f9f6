// Elements. Everything from the data goes in as text, never as markup.

type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name, value as EventListener);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
  return element;
}

let ids = 0;
export function freshId(): string {
  return `e${++ids}`;
}

/** A bar `share` (0 to 1) of its track long. */
export function bar(share: number, kind = ""): HTMLElement {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h("span", { class: `bar ${kind}`, "aria-hidden": "true" }, fill);
}

export interface Column {
  name: string;
  unit?: string;
  text?: boolean; // left-aligned
}

/** Rows turn into cards on a narrow screen, where every cell is preceded by its column's name. */
export function table(
  columns: Column[],
  rows: { cells: (Child | Child[])[]; class?: string }[],
  caption: string,
  kind = "",
): HTMLTableElement {
  const heading = ({ name, unit, text }: Column) =>
    h("th", { scope: "col", class: text && "text" }, name, unit && h("span", { class: "unit" }, unit));
  const body = rows.map(({ cells, class: name }) =>
    h("tr", { class: name }, cells.map((cell, i) => {
      const column = columns[i]!;
      const label = column.unit ? `${column.name}, ${column.unit}` : column.name;
      const attributes = { class: column.text && "text", "data-label": label };
      const children = Array.isArray(cell) ? cell : [cell];
      return i === 0 ? h("th", { scope: "row", class: attributes.class }, children) : h("td", attributes, children);
    })),
  );
  return h("table", { class: kind }, h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, columns.map(heading))), h("tbody", {}, body));
}

/** A chart's figures as a table, made when it is opened. */
export function asTable(make: () => HTMLTableElement): HTMLElement {
  const details = h("details", { class: "figures" }, h("summary", {}, "Figures as a table"));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(h("div", { class: "scroll", tabindex: 0 }, make()));
  });
  return details;
}

/** Radio buttons that look like one control. */
export function choice(
  label: string,
  names: string[],
  chosen: number,
  onChange: (index: number) => void,
): HTMLFieldSetElement {
  const group = freshId();
  return h("fieldset", { class: "choice" }, h("legend", {}, label),
    names.map((name, i) => h("label", { title: name },
      h("input", { type: "radio", name: group, value: i, checked: i === chosen, change: () => onChange(i) }),
      h("span", {}, name))));
}

export function select(
  label: string,
  names: string[],
  chosen: number,
  onChange: (index: number) => void,
): HTMLLabelElement {
  const list = h("select", { change: () => onChange(list.selectedIndex) },
    names.map((name, i) => h("option", { value: i, selected: i === chosen }, name)));
  return h("label", { class: "select" }, h("span", {}, label), list);
}

export function section(id: string, title: string, lead: string, ...children: (Child | Child[])[]): HTMLElement {
  return h("section", { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title), lead && h("p", { class: "lead" }, lead), ...children);
}

/** Characters that cannot be seen, made visible: for single tokens outside their text. */
export function token(piece: string, limit = 32): HTMLElement {
  const characters = [...piece];
  const shown = characters.length > limit ? [...characters.slice(0, limit), "…"] : characters;
  const marks: Record<string, string> = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍" };
  const chip = h("code", { class: "token" });
  for (const character of shown) {
    const mark = marks[character] ?? (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character)
      ? `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}` : null);
    chip.append(mark === null ? character : h("span", { class: "mark" }, mark));
  }
  if (characters.length === 0) chip.append(h("span", { class: "mark" }, "empty"));
  return chip;
}
