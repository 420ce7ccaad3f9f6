// The comparison that is inside the page, as src/report/comparison_page.h and docs/json.md describe it. Numbers that
// were not finite arrive as null; parts that were not measured are absent.

export type Measured = number | null;

export interface ModelSummary {
  model: string;
  architecture: string;
  file_type: string;
  size_bytes: number;
  bits_per_weight: number;
}

export interface Spread {
  mean: Measured;
  stderr: Measured;
  median: Measured;
  p90: Measured;
  p99: Measured;
  p999: Measured;
  max: Measured;
}

export interface Tap {
  tap: string;
  layer: number | null;
  operation: string;
  weight: string;
  weight_type: string;
  relative_error: Measured;
  introduced: Measured;
  inherited: Measured;
  cosine: Measured;
  sqnr_db: Measured;
  rms_reference: Measured;
  rms_candidate: Measured;
  worst_channel: number;
}

export interface TopToken {
  piece: string;
  reference_logit: Measured;
  reference_log_prob: Measured;
  reference_rank: number;
  candidate_logit: Measured;
  candidate_log_prob: Measured;
  candidate_rank: number;
}

export interface TensorGroup {
  group: "tensor" | "layer" | "kind" | "together";
  name: string;
  tensors: string[];
}

export interface Attribution extends TensorGroup {
  margin: Measured;
  flips_back: boolean;
}

export interface Culprit extends TensorGroup {
  kl: Measured;
  kl_share: Measured;
}

export interface Flip {
  position: number;
  context: string;
  reference_piece: string;
  candidate_piece: string;
  reference_margin: Measured;
  candidate_margin: Measured;
  near_tie: boolean;
  attribution: Attribution[];
}

export interface CandidatePositions {
  kl: Measured[];
  candidate_log_prob: Measured[];
  candidate_top: number[];
  near_tie: number[];
}

export interface Candidate extends ModelSummary {
  text_positions?: CandidatePositions;
  ppl?: Measured;
  ppl_stderr?: Measured;
  ppl_ratio?: Measured;
  ppl_ratio_stderr?: Measured;
  kl?: Spread;
  top1_agreement?: Measured;
  top1_agreement_stderr?: Measured;
  text_flips?: number;
  near_ties?: number;
  typical_logit_error?: Measured;
  log_prob_difference?: Measured;
  rms_probability_difference?: Measured;
  taps: Tap[];
  growth?: { verdict: string[] };
  top?: TopToken[];
  prompt_positions?: number;
  prompt_typical_logit_error?: Measured;
  flips: Flip[];
  culprits?: Culprit[];
}

export interface SharedPositions {
  chunk: number[];
  position: number[];
  reference_log_prob: Measured[];
  reference_margin: Measured[];
  reference_top: number[];
}

export interface Comparison {
  engine: string;
  text?: string;
  context?: number;
  chunks?: number;
  prompt?: string;
  continuation?: string;
  reference: ModelSummary & { ppl?: Measured; ppl_stderr?: Measured };
  candidates: Candidate[];
  tokens?: number[];
  pieces?: Record<string, string | number[]>;
  text_positions?: SharedPositions;
}

/** What a candidate is called where there is little room: its type, or its file where types are not unique. */
export function shortNames(candidates: ModelSummary[]): string[] {
  const file = (model: string) => model.split("/").pop()!.replace(/\.gguf$/, "");
  const types = candidates.map((candidate) => candidate.file_type);
  return candidates.map(({ file_type, model }) =>
    file_type !== "" && types.filter((type) => type === file_type).length === 1 ? file_type : file(model),
  );
}

/** "blk.3.ffn_out" -> "ffn_out". */
export function tapKind(tap: Tap): string {
  return tap.layer === null ? tap.tap : tap.tap.replace(/^blk\.\d+\./, "");
}

export function groupName(group: TensorGroup): string {
  return group.name || group.tensors.join(", ");
}
