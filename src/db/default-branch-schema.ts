/** The default branch of one side of a binding, and what was done to make it follow that of the other side. */
export type DefaultBranchTable = {
  binding_id: number
  side: 'internal' | 'external'
  /** What it was when both sides last had the same; null: never. */
  agreed: string | null
  /** What it was when both sides were last seen to differ; null: it showed none. */
  differing: string | null
  /** Null: they do not differ. */
  differs_since: number | null
  /** What it was last to become, for the sake of the other side. */
  wanted: string | null
  tried_at: number | null
  /** No earlier is the forge asked for that again. */
  next_try_at: number | null
  /** One word for why it has not become so; null: it has, or was not tried. */
  problem: string | null
  /** Both in Chinese and English. */
  problem_detail: string | null
  problem_hint: string | null
}
