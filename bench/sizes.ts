/** How much is measured. */
export type Sizes = {
  /** Pushes that are measured each way. */
  readonly pushes: number
  readonly branches: number
  /** Refs of a repository with so many that git by hand can still be waited for. */
  readonly manyRefs: number
  /** And of one with about as many as the daemon takes. */
  readonly mostRefs: number
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
  /** How the forges are reached, for the common push at a distance. */
  readonly schemes: readonly ('http' | 'https' | 'ssh')[]
  /** Round trips to the forges in ms, for the common push at a distance. */
  readonly roundTrips: readonly number[]
  /** Pushes that are measured each way at every distance. */
  readonly distantPushes: number
  readonly packBytes: readonly number[]
  /** Bindings that are compared, of which nothing has changed. */
  readonly comparedBindings: number
  /** How many of them are compared in the slower ways; the rest is extrapolated. */
  readonly comparedSlowly: number
  /** Short, but not so short that a binding is due again while it still waits for its turn. */
  readonly reconcileInterval: string
  /** How long a daemon is left alone before its memory counts as idle. */
  readonly settleMs: number
}

export const FULL: Sizes = {
  pushes: 30,
  branches: 2000,
  manyRefs: 10_000,
  mostRefs: 49_990,
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
  schemes: ['http', 'https', 'ssh'],
  roundTrips: [0, 20, 100, 300],
  distantPushes: 6,
  packBytes: [2 ** 20, 10 * 2 ** 20, 100 * 2 ** 20],
  comparedBindings: 1000,
  comparedSlowly: 100,
  reconcileInterval: '20s',
  settleMs: 2000,
}

export const QUICK: Sizes = {
  pushes: 1,
  branches: 20,
  manyRefs: 40,
  mostRefs: 60,
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
  schemes: ['http', 'ssh'],
  roundTrips: [10],
  distantPushes: 1,
  packBytes: [100 * 1024],
  comparedBindings: 6,
  comparedSlowly: 2,
  reconcileInterval: '1s',
  settleMs: 10,
}
