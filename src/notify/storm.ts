import { HOUR, MINUTE } from '../clock.ts'

// A forge that is down makes a hundred failures of one kind. The first are told at once, the rest together:
// so many messages of one kind per hour and no more, the last of them a digest. Pure.

/** How long the first digest waits for what belongs to it. */
const GATHER_MS = 10 * MINUTE
export const STORM_WINDOW_MS = 1 * HOUR

export type Weather = {
  /** Messages of one kind per hour; 0: as many as there are. */
  readonly limit: number
  /** When messages of this kind were sent within the last hour, the oldest first. */
  readonly sent: readonly number[]
  /** Whether this one has been held and its time has come. */
  readonly isHeld: boolean
  /** When those that are held already are due; undefined: there are none. */
  readonly heldUntil: number | undefined
  readonly now: number
}

export type Turn =
  | { readonly kind: 'send' }
  | { readonly kind: 'hold'; readonly until: number }
  /** Together with all others that are held. */
  | { readonly kind: 'digest' }

export function turnFor({ limit, sent, isHeld, heldUntil, now }: Weather): Turn {
  if (limit === 0) return isHeld ? { kind: 'digest' } : { kind: 'send' }
  // When so few will be left in the window that one more fits.
  const freeAt = (sent[sent.length - limit] ?? now) + STORM_WINDOW_MS
  const isFull = sent.length >= limit
  if (isHeld) return isFull ? { kind: 'hold', until: freeAt } : { kind: 'digest' }
  if (heldUntil !== undefined) return { kind: 'hold', until: heldUntil }
  if (sent.length < Math.max(1, limit - 1)) return { kind: 'send' }
  return { kind: 'hold', until: isFull ? freeAt : now + GATHER_MS }
}
