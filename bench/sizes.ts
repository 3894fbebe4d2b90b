/** How much is measured. */
export type Sizes = {
  /** Pushes that are measured each way. */
  readonly pushes: number
  readonly branches: number
  /** Branches of the loop that goes branch by branch; the rest of it is extrapolated. */
  readonly loopBranches: number
  /** How often everything about a repository with many branches is repeated. */
  readonly repetitions: number
  /** Times that every server is loaded, in turns. */
  readonly rounds: number
  readonly deliveries: number
  readonly warmUpDeliveries: number
  readonly connections: number
  /** Repositories that deliveries come from when they do not all come from one. */
  readonly repositories: number
  /** Bindings that the daemon holds when it holds many. */
  readonly bindings: number
  /** Rows of the lists whose pages are read, and how often each of those is. */
  readonly listedRuns: number
  readonly listedDeliveries: number
  readonly listReads: number
  /** How long a daemon is left alone before its memory counts as idle. */
  readonly settleMs: number
}

export const FULL: Sizes = {
  pushes: 30,
  branches: 2000,
  loopBranches: 25,
  repetitions: 3,
  rounds: 3,
  deliveries: 8000,
  warmUpDeliveries: 2000,
  connections: 32,
  repositories: 100,
  bindings: 10_000,
  listedRuns: 1_000_000,
  listedDeliveries: 100_000,
  listReads: 200,
  settleMs: 2000,
}

export const QUICK: Sizes = {
  pushes: 1,
  branches: 20,
  loopBranches: 2,
  repetitions: 1,
  rounds: 1,
  deliveries: 64,
  warmUpDeliveries: 32,
  connections: 4,
  repositories: 2,
  bindings: 20,
  listedRuns: 3000,
  listedDeliveries: 3000,
  listReads: 3,
  settleMs: 10,
}
