import { isZeroSha, toRefName, toSha } from '../git/refs.ts'
import type { Change, Envelope, ParsedDelivery } from './forge.ts'

// What every forge means by a moved ref, whatever it calls the fields.

export type SentMove = {
  /** A full ref name. */
  readonly ref?: string | undefined
  readonly before?: string | undefined
  readonly after?: string | undefined
  /** Only GitHub says so; for the others it follows from the shas. */
  readonly created?: boolean | undefined
  readonly deleted?: boolean | undefined
  readonly forced?: boolean | undefined
}

export type SentRefEvent = {
  readonly action: 'create' | 'delete'
  readonly refType?: string | undefined
  /** A short name, as these events have it. */
  readonly ref?: string | undefined
  readonly sha?: string | undefined
}

/** A push of one ref. Nothing has moved in a test, and most tests say so with equal shas. */
export function movedRef(envelope: Envelope, move: SentMove): ParsedDelivery {
  const { ref, before, after } = move
  // Before anything else: Gitea's test of an empty repository looks like the deletion of its default branch.
  if (isTest(before, after)) return { ...envelope, kind: 'nothing', reason: 'test' }
  if (ref === undefined) return { kind: 'malformed', problem: 'The push names no ref.' }
  return changeOf(envelope, {
    ref,
    before: shaOrNull(before),
    after: shaOrNull(after),
    created: move.created ?? (isZero(before) && shaOrNull(after) !== null),
    deleted: move.deleted ?? (isZero(after) && shaOrNull(before) !== null),
    forced: move.forced ?? false,
  })
}

/** A ref that came or went, told by an event of its own; some forges send no push beside it. */
export function namedRef(envelope: Envelope, event: SentRefEvent): ParsedDelivery {
  const { ref, refType, action } = event
  const folder = refType === 'branch' ? 'refs/heads/' : refType === 'tag' ? 'refs/tags/' : undefined
  // GitHub once told of new repositories this way too.
  if (folder === undefined) return { ...envelope, kind: 'nothing', reason: 'event' }
  if (ref === undefined) return { kind: 'malformed', problem: 'The event names no ref.' }
  return changeOf(envelope, {
    ref: ref.startsWith(folder) ? ref : `${folder}${ref}`,
    before: null,
    after: action === 'create' ? shaOrNull(event.sha) : null,
    created: action === 'create',
    deleted: action === 'delete',
    forced: false,
  })
}

function changeOf(
  envelope: Envelope,
  change: Omit<Change, 'ref'> & { readonly ref: string },
): ParsedDelivery {
  const ref = toRefName(change.ref)
  // Pull requests, notes and names that git would refuse do not travel.
  if (ref === undefined) return { ...envelope, kind: 'nothing', reason: 'event' }
  return { ...envelope, kind: 'changes', changes: [{ ...change, ref }] }
}

function isTest(before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && before.toLowerCase() === after?.toLowerCase()
}

function isZero(sha: string | undefined): boolean {
  return sha !== undefined && isZeroSha(sha)
}

function shaOrNull(sha: string | undefined): Change['after'] {
  return sha === undefined ? null : (toSha(sha) ?? null)
}
