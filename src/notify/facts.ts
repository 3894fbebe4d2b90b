import type { Executor } from '../db/database.ts'
import { NoticeFacts } from './notice.ts'
import type { Notice, NoticeRef } from './notice.ts'
import { redactWords } from './redact.ts'

// What is kept of the facts of a notice: no more than a message can use, and no login in it.

const KEPT_REFS = 200
const RANK: Readonly<Record<NoticeRef['result'], number>> = {
  conflict: 0,
  rejected: 0,
  deleted: 1,
  created: 2,
  updated: 2,
  up_to_date: 3,
}

/** The facts as they are stored, with the addresses of the binding where the caller gave none. */
export async function factsToKeep(trx: Executor, notice: Notice): Promise<NoticeFacts> {
  const { facts } = notice
  const refs = facts.refs.toSorted((a, b) => RANK[a.result] - RANK[b.result]).slice(0, KEPT_REFS)
  const omitted = facts.refs.length - refs.length
  const words = (text: string | null | undefined): string | null =>
    text === null || text === undefined ? null : redactWords(text)
  return {
    ...facts,
    ...(await remotesOf(trx, notice)),
    errorMessage: words(facts.errorMessage),
    hint: words(facts.hint),
    ...(omitted === 0 ? {} : { refsOmitted: omitted }),
    refs: refs.map(({ source_ref, target_ref, before, after, result }) => {
      return { source_ref, target_ref, before, after, result }
    }),
  }
}

async function remotesOf(trx: Executor, { bindingId, facts }: Notice): Promise<Partial<NoticeFacts>> {
  if (bindingId === null || facts.sourceRemote !== undefined) return {}
  const binding = await trx
    .selectFrom('binding')
    .select(['internal_address as internal', 'external_address as external', 'direction'])
    .where('id', '=', bindingId)
    .executeTakeFirst()
  if (binding === undefined) return {}
  return binding.direction === 'to_inter'
    ? { sourceRemote: binding.external, targetRemote: binding.internal }
    : { sourceRemote: binding.internal, targetRemote: binding.external }
}

/** The stored facts of a notice of rejections, with those of another added. */
export function mergeRejections(stored: string, added: NoticeFacts): NoticeFacts {
  const known = NoticeFacts.parse(JSON.parse(stored))
  const rejections = { ...known.rejections }
  for (const [reason, count] of Object.entries(added.rejections ?? {})) {
    rejections[reason] = (rejections[reason] ?? 0) + count
  }
  return { ...known, rejections, errorMessage: rejectionWords(rejections) }
}

/** `12 deliveries were rejected`, with the reasons. */
export function rejectionWords(rejections: Readonly<Record<string, number>>): string {
  const counts = Object.entries(rejections).toSorted(([, a], [, b]) => b - a)
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  const reasons = counts.map(([reason, count]) => `${reason} ×${count}`).join(', ')
  return `${total} 次投递被拒绝 / ${total} deliveries were rejected (${reasons})`
}
