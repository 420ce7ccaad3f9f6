// The diagnosis that is inside the page, as src/report/diagnosis_page.h and docs/json.md describe it. Numbers that were
// not finite arrive as null.
import type { Measured } from "../data";

export interface Finding {
  taps: string[];
  where: string;
  observed: string;
  operation: string;
  fault: string;
  class: "mistake" | "rounding";
  parameters: Record<string, string>;
  prescribed: Record<string, string>;
  claim: string;
  remedy: string;
  sources: string;
  fingerprint: string;
  quantity: string;
  residual_before: Measured;
  residual_after: Measured;
  expected: Measured;
  confidence: number;
  certain: boolean;
  ties: string[];
}

export interface Step {
  tap: string;
  operation: string;
  outcome: "not_given" | "healthy" | "fault" | "unknown" | "undecided";
  residual?: Measured;
  expected?: Measured;
  arithmetic?: string;
  coarser?: boolean;
}

export interface CoarseSteps {
  arithmetic: string;
  where: string;
  residual: Measured;
  expected: Measured;
}

export interface PlanStep {
  tap: string;
  operation: string;
  reads: string[];
  weight?: string;
  weight_type?: string;
}

export interface Diagnosis {
  verdict: "fault" | "rounding" | "undecided";
  findings: Finding[];
  acquitted: string[];
  needed: string[];
  notes: string[];
  arithmetic: string;
  coarser: CoarseSteps[];
  steps: Step[];
  model: { model: string; architecture: string; file_type: string };
  trace: string;
  format: string;
  tokens: number;
  prompt?: string;
  plan: PlanStep[];
}

/** A mistake that the verdict counts, not one that is only suspected. */
export function isCertain(finding: Finding): boolean {
  return finding.certain;
}

/** "blk.3.q" -> [3, "q"]; "logits" -> [null, "logits"] */
export function splitTap(tap: string): [number | null, string] {
  const parts = /^blk\.(\d+)\.(.*)$/s.exec(tap);
  return parts ? [Number(parts[1]), parts[2]!] : [null, tap];
}

/** Mistakes in the order of their numbers: what is certain, then what is suspected. */
export function mistakes({ findings }: Diagnosis): Finding[] {
  const all = findings.filter((finding) => finding.class === "mistake");
  return [...all.filter(isCertain), ...all.filter((finding) => !isCertain(finding))];
}
