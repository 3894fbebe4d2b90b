import type { Clock } from '../../clock.ts'
import type { Outgoing } from '../../outgoing.ts'

// What all kinds of channels have in common. One file per kind says how its messages look, how they prove
// where they come from, and what its answers mean.

/** A configuration in two parts: what anybody may see, and what only a message may carry. */
export type Settings = {
  readonly shown: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
}

/** Texts are finished: every value in them is escaped for this kind already. */
export type Message = {
  /** The same at every attempt. */
  readonly id: string
  readonly title: string
  readonly content: string
  /** The same for machines. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** What the receiver made of a message. */
export type Outcome = {
  /**
   * `refused`: it will not take this one; `limited`: it has had too many; `unavailable`: it, or the way to it,
   * does not work now.
   */
  readonly kind: 'delivered' | 'refused' | 'limited' | 'unavailable'
  readonly httpStatus: number | null
  /** The vendor's own number or word. */
  readonly code: string | null
  readonly words: string
  readonly retryAfterMs: number | null
}

export type SendDeps = {
  readonly outgoing: Outgoing
  readonly clock: Clock
  readonly signal: AbortSignal
}

export type ChannelKind = {
  /**
   * What to keep of what a person gave, over what is stored: what is left out or masked stays.
   * Throws `channel_config` or `secret_again`.
   */
  readonly configure: (
    given: Readonly<Record<string, unknown>>,
    stored: Settings | undefined,
    now: number,
  ) => Settings
  readonly escape: (value: string) => string
  /** Messages per minute that the receiver takes; null: it does not say. */
  readonly perMinute: number | null
  /** People read it, so that a storm of messages helps nobody. */
  readonly isForPeople: boolean
  /** Never rejects but for the signal. */
  readonly send: (deps: SendDeps, settings: Settings, message: Message) => Promise<Outcome>
}
