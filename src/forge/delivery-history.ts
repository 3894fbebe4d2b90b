import type { MissedDelivery } from './forge-api.ts'

/** One try of a forge to deliver, as its history has it. */
export type Attempt = MissedDelivery & {
  /** The same for all tries of one delivery. */
  readonly delivery: string
  readonly isDelivered: boolean
}

/** The deliveries that no try has brought since then, oldest first. */
export function missedIn(attempts: readonly Attempt[], sinceMs: number): readonly MissedDelivery[] {
  const delivered = new Set(attempts.flatMap((attempt) => (attempt.isDelivered ? [attempt.delivery] : [])))
  const missed = new Map<string, MissedDelivery>()
  for (const { id, at, payload, delivery } of attempts.toSorted((a, b) => a.at - b.at)) {
    if (at >= sinceMs && !delivered.has(delivery) && !missed.has(delivery))
      missed.set(delivery, { id, at, payload })
  }
  return [...missed.values()]
}
