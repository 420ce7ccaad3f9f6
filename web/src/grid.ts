// Cells that the arrow keys move between; one of them is reached with Tab.

export function moveInGrid(event: KeyboardEvent, cells: HTMLElement[][]): void {
  const steps: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e6], End: [0, 1e6] };
  const step = steps[event.key];
  const row = cells.findIndex((one) => one.includes(event.target as HTMLElement));
  if (!step || row < 0) return;
  event.preventDefault();
  const column = cells[row]!.indexOf(event.target as HTMLElement);
  const line = cells[Math.max(0, Math.min(cells.length - 1, row + step[0]))]!;
  const next = line[Math.max(0, Math.min(line.length - 1, column + step[1]))];
  if (!next || next.tabIndex === undefined || next.className === "absent") return;
  for (const one of cells.flat()) if (one.tabIndex === 0) one.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
