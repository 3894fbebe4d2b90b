import { isMangled, isZeroSha, toRefName, toSha } from '../git/refs.ts'
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
  // Before anything else: Gitea's test of an empty repository looks like the deletion of its default branch.
  if (isTest(move.before, move.after)) return { ...envelope, kind: 'nothing', reason: 'test' }
  return movedRefs(envelope, [move])
}

/** A push of any number of refs, by a forge whose tests look otherwise: equal shas are two tags of one commit. */
export function movedRefs(envelope: Envelope, moves: readonly SentMove[]): ParsedDelivery {
  const named = moves.flatMap((move) => (move.ref === undefined ? [] : [{ ...move, ref: move.ref }]))
  if (moves.length > 0 && named.length === 0) {
    return { kind: 'malformed', problem: 'The push names no ref.' }
  }
  const changes = named.map((move) => ({
    ref: move.ref,
    before: shaOrNull(move.before),
    after: shaOrNull(move.after),
    created: move.created ?? (isZero(move.before) && shaOrNull(move.after) !== null),
    deleted: move.deleted ?? (isZero(move.after) && shaOrNull(move.before) !== null),
    forced: move.forced ?? false,
  }))
  return changesOf(envelope, changes)
}

/** The full name of a ref that may have come without its folder; a short name is a branch. */
export function fullRef(ref: string | undefined): string | undefined {
  return ref === undefined || ref.startsWith('refs/') ? ref : `refs/heads/${ref}`
}

/** A ref that came or went, told by an event of its own; some forges send no push beside it. */
export function namedRef(envelope: Envelope, event: SentRefEvent): ParsedDelivery {
  const { ref, refType, action } = event
  const folder = refType === 'branch' ? 'refs/heads/' : refType === 'tag' ? 'refs/tags/' : undefined
  // GitHub once told of new repositories this way too.
  if (folder === undefined) return { ...envelope, kind: 'nothing', reason: 'event' }
  if (ref === undefined) return { kind: 'malformed', problem: 'The event names no ref.' }
  const change = {
    ref: ref.startsWith(folder) ? ref : `${folder}${ref}`,
    before: null,
    after: action === 'create' ? shaOrNull(event.sha) : null,
    created: action === 'create',
    deleted: action === 'delete',
    forced: false,
  }
  return changesOf(envelope, [change])
}

type NamedChange = Omit<Change, 'ref'> & { readonly ref: string }

function changesOf(envelope: Envelope, named: readonly NamedChange[]): ParsedDelivery {
  const changes = named.flatMap((change) => {
    const ref = toRefName(change.ref)
    // Pull requests, notes, and names that git would refuse or that are not UTF-8 do not travel.
    return ref === undefined || isMangled(ref) ? [] : [{ ...change, ref }]
  })
  return changes.length === 0
    ? { ...envelope, kind: 'nothing', reason: 'event' }
    : { ...envelope, kind: 'changes', changes }
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
