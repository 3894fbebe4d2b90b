import type { Executor } from '../db/database.ts'
import { rejectionWords } from './facts.ts'
import { enqueueNotice } from './outbox.ts'

/** Deliveries that were refused, as much of them as people need. */
export type Rejected = {
  readonly forge: string
  readonly reason: string
  /** The binding whose hook they came to; null: an address that all share, where anybody can knock. */
  readonly binding: { readonly id: number; readonly name: string } | null
}

const SHOWN_FORGES = 5

/**
 * Tells of rejected deliveries, inside the transaction that lists them: per binding once an hour at most, with
 * their number and their reasons, however many there are.
 */
export async function enqueueRejections(
  trx: Executor,
  rejected: readonly Rejected[],
  now: number,
): Promise<void> {
  const rejectedByBinding = Map.groupBy(rejected, ({ binding }) => binding?.id ?? null)
  for (const [bindingId, ofBinding] of rejectedByBinding) {
    const rejections: Record<string, number> = {}
    for (const { reason } of ofBinding) rejections[reason] = (rejections[reason] ?? 0) + 1
    const forges = [...new Set(ofBinding.map(({ forge }) => forge.slice(0, 40)))]
    await enqueueNotice(
      trx,
      {
        event: 'webhook_error',
        bindingId,
        taskId: null,
        subjectName: ofBinding[0]?.binding?.name ?? 'webhooks',
        runId: null,
        facts: {
          refs: [],
          rejections,
          errorMessage: rejectionWords(rejections),
          webhookSource: forges.slice(0, SHOWN_FORGES).join(', '),
        },
      },
      now,
    )
  }
}
