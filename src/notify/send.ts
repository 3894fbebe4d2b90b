import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Outgoing } from '../outgoing.ts'
import type { Channel } from './channel.ts'
import { openSettings } from './channels.ts'
import type { ChannelStore } from './channels.ts'
import { hideSecrets, outcomeOf } from './channels/answer.ts'
import type { Message, Outcome } from './channels/kind.ts'
import { KINDS } from './channels/kinds.ts'

export type SenderDeps = ChannelStore & {
  readonly db: Database
  readonly clock: Clock
  readonly outgoing: Outgoing
}

/**
 * Hands a message to the receiver of the channel, once. What comes back holds none of the channel's secrets.
 * Rejects only when the signal aborts: then nobody knows whether it arrived.
 */
export async function sendMessage(
  deps: SenderDeps,
  { id, type }: Pick<Channel, 'id' | 'type'>,
  message: Message,
  signal: AbortSignal,
): Promise<Outcome> {
  const settings = await openSettings(deps.db, deps, id).catch(() => undefined)
  if (settings === undefined) {
    return outcomeOf('refused', 'the secrets of the channel cannot be read: was SECRET_KEY changed?')
  }
  const outcome = await KINDS[type].send({ ...deps, signal }, settings, message)
  signal.throwIfAborted()
  return hideSecrets(outcome, settings)
}
