import type { Report } from './channel.ts'
import type { Notice, NoticeEvent, NoticeRef } from './notice.ts'

// What is news to a channel, from what it has seen go wrong before. Pure.

/** Something that went wrong; of the whole subject when `ref` is empty. */
export type Problem = { readonly problem: string; readonly ref: string }

export type Subscriber = {
  readonly id: number
  readonly events: readonly NoticeEvent[]
  readonly report: Report
}

export type News = {
  /** What it is to be told; mostly nothing. */
  readonly events: readonly NoticeEvent[]
  readonly fresh: readonly Problem[]
  readonly cleared: readonly Problem[]
}

// A push of thousands of refs that are all refused is one problem for people, and must not become
// thousands of rows for each channel.
const REMEMBERED_REFS = 100
const MANY_REFS = '*'

/** What the notice changes for a channel that knows these problems of its subject. */
export function newsFor(subscriber: Subscriber, notice: Notice, known: readonly Problem[]): News {
  const found = problemsIn(notice)
  const isOver = overBy(notice, found)
  const cleared = known.filter(isOver)
  const fresh = found.filter((problem) => !known.some((other) => isSame(other, problem)))
  const isAllWell = cleared.length === known.length && found.length === 0
  const news = cleared.length > 0 || fresh.length > 0
  const events = eventsOf(subscriber, notice, { isNews: news, isRecovered: cleared.length > 0 && isAllWell })
  return { events: events.filter((event) => subscriber.events.includes(event)), fresh, cleared }
}

function eventsOf(
  { events, report }: Subscriber,
  notice: Notice,
  { isNews, isRecovered }: { readonly isNews: boolean; readonly isRecovered: boolean },
): readonly NoticeEvent[] {
  const { event } = notice
  switch (event) {
    case 'sync_success': {
      const isWanted = report === 'all' && notice.facts.refs.some(hasMoved)
      // Whoever knows no recoveries hears of the success that ends a failure.
      const standsIn = isRecovered && !events.includes('sync_recovered')
      return [
        ...(isRecovered ? (['sync_recovered'] as const) : []),
        ...(isWanted || standsIn ? (['sync_success'] as const) : []),
      ]
    }
    case 'sync_recovered':
      return isNews ? [event] : []
    case 'sync_failure':
    case 'sync_conflict':
    case 'binding_paused':
      return report === 'all' || isNews ? [event] : []
    case 'cron_triggered':
    case 'webhook_error':
      return [event]
  }
}

function problemsIn({ event, facts }: Notice): readonly Problem[] {
  if (event === 'binding_paused') return [{ problem: 'paused', ref: '' }]
  if (event !== 'sync_failure' && event !== 'sync_conflict') return []
  const bad = facts.refs.flatMap((ref): readonly Problem[] =>
    isBad(ref) ? [{ problem: ref.result, ref: refKey(ref) }] : [],
  )
  if (bad.length === 0) {
    return [{ problem: event === 'sync_conflict' ? 'conflict' : `failure ${facts.code ?? ''}`, ref: '' }]
  }
  const [first] = bad
  return bad.length <= REMEMBERED_REFS || first === undefined
    ? bad
    : [...bad.slice(0, REMEMBERED_REFS), { problem: first.problem, ref: MANY_REFS }]
}

/** Tells of a known problem whether the notice ends it. */
function overBy({ event, facts }: Notice, found: readonly Problem[]): (known: Problem) => boolean {
  const isFound = (known: Problem): boolean => found.some((problem) => isSame(problem, known))
  const well = new Set(facts.refs.filter((ref) => !isBad(ref)).map(refKey))
  switch (event) {
    case 'sync_success':
      return ({ ref }) => facts.isWhole === true || ref === '' || well.has(ref)
    case 'sync_recovered': {
      const named = new Set(facts.refs.map(refKey))
      return ({ ref }) => named.size === 0 || named.has(ref)
    }
    case 'sync_failure':
    case 'sync_conflict': {
      // It got as far as the refs, so what kept it from them is over.
      const hasReached = facts.refs.some(isBad) || event === 'sync_conflict'
      return (known) =>
        !isFound(known) && hasReached && (facts.isWhole === true || known.ref === '' || well.has(known.ref))
    }
    case 'binding_paused':
    case 'cron_triggered':
    case 'webhook_error':
      return () => false
  }
}

function isBad({ result }: NoticeRef): boolean {
  return result === 'rejected' || result === 'conflict'
}

function hasMoved({ result }: NoticeRef): boolean {
  return result === 'created' || result === 'updated' || result === 'deleted'
}

/** The same whichever way it travels. */
function refKey({ source_ref: source, target_ref: target }: NoticeRef): string {
  return source === target ? source : [source, target].toSorted().join(' ')
}

function isSame(a: Problem, b: Problem): boolean {
  return a.problem === b.problem && a.ref === b.ref
}
