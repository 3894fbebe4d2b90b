// Stage 4: one at a time. The queue decides when and where a waiting run is executed.
//
// The truth about what waits lives in the database (`run/runs.ts`); a queue only remembers
// what it has in its hands. Losing a queue therefore loses nothing: after a restart
// `wake` finds everything again. It knows neither bindings nor git.

export type Queue = {
  /** Says that something may be due. Cheap, and safe to call at any time after the commit. */
  readonly wake: () => void
  /** Resolves when nothing is running and nothing is due now. */
  readonly settled: () => Promise<void>
  /** Takes no more, waits up to `limitMs` for what is running, then interrupts it; resolves when all has ended. */
  readonly drain: (limitMs: number) => Promise<void>
}

/** What the queue takes from the store: an opaque ticket, and the hosts it will keep busy. */
export type Ticket = {
  readonly id: number
  readonly hosts: readonly string[]
}

export type QueueWork<T extends Ticket> = {
  /** Marks the next due run as running and returns it; skips runs that would use one of the busy hosts. */
  readonly claim: (busyHosts: readonly string[]) => Promise<T | undefined>
  /** When the first run that was not yet due at `after` becomes so (milliseconds since the epoch). */
  readonly nextDue: (after: number) => Promise<number | undefined>
  /** Executes a claimed run to its recorded end; never rejects. An aborted signal means: stop and give it back. */
  readonly execute: (ticket: T, signal: AbortSignal) => Promise<void>
}
