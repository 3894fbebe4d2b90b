import type { GitResult } from './git.ts'
import type { GitFailure, GitOutcome } from './git-error.ts'
import type { HistoryDeps } from './range.ts'
import type { PushStep } from './push-history.ts'
import { pushSmaller } from './push-smaller.ts'
import type { PushAnswer, PushResult, PushResults, PushUpdate } from './push.ts'
import { ARRIVED, leaseOf, readAnswer, refspecOf, rejected } from './push.ts'
import type { RefName } from './refs.ts'
import { isBranchRef } from './refs.ts'
import { pushSurvivors } from './survivors.ts'
import type { PartAnswer } from './survivors.ts'
import type { UploadDeps } from './upload.ts'
import { mayBeTooLarge, openUpload } from './upload.ts'

// A push of many refs as a series of calls, so that every ref arrives that the server would take alone.
//
// A call is cut where its command line or git's own work would get out of hand. One that is declined as a whole
// is searched for survivors, one that is too large goes in smaller steps, and names that deletions have made
// free are tried once more.

export type PushLimits = {
  readonly refspecBytes: number
  readonly leaseBytes: number
  /** How many refs one call may name; one with a lease counts twice. */
  readonly refs: number
}

export type PushRoom = {
  readonly call: (part: readonly PushUpdate[]) => Promise<GitResult>
  readonly limits: PushLimits
  readonly history: HistoryDeps
  readonly look: UploadDeps['look']
  readonly onStep: (step: PushStep) => void
}

type Part = readonly PushUpdate[]

/** Pushes in as few calls as the limits allow. The failure means that nothing is known to have been set. */
export async function pushInParts(
  updates: Part,
  room: PushRoom,
): Promise<GitOutcome<{ readonly results: PushResults }>> {
  const session = openSession(room)
  const { results, pushAll } = session
  let failure: GitFailure | undefined
  for (const part of cut(inOrder(updates), room.limits)) failure ??= await pushAll(part)
  failure ??= await pushLarge(session, room)
  const freed = failure === undefined ? freedNames(updates, results) : []
  if (freed.length > 0) failure = await pushAll(freed)
  if (failure !== undefined && results.size === 0) return { ok: false, failure }
  const { kind, detail } = failure ?? { kind: 'unknown', detail: 'nothing is known of the ref' }
  return {
    ok: true,
    results: new Map(updates.map(({ ref }) => [ref, results.get(ref) ?? rejected(kind, detail)])),
  }
}

type Session = {
  readonly results: ReadonlyMap<RefName, PushResult>
  /** Parts that were too large, or during which the connection broke, each told once. */
  readonly takeLarge: () => readonly Part[]
  /** Why the connection broke when it last did. */
  readonly broken: () => GitFailure | undefined
  readonly push: (part: Part) => Promise<PushAnswer>
  readonly record: (settled: PushResults) => void
  readonly follow: (part: Part, rest: PushAnswer['rest']) => Promise<GitFailure | undefined>
  /** Pushes a part and sees to what was refused; resolves to a failure when nothing further can be pushed. */
  readonly pushAll: (part: Part) => Promise<GitFailure | undefined>
}

function openSession({ call, history }: PushRoom): Session {
  const results = new Map<RefName, PushResult>()
  let large: readonly Part[] = []
  let broken: GitFailure | undefined
  const record = (settled: PushResults): void => {
    for (const [ref, result] of settled) results.set(ref, result)
  }
  const push = (part: Part): Promise<PushAnswer> => pushSendable(part, call)
  let lost: GitFailure | undefined
  const pushForSurvivors = async (part: Part): Promise<PartAnswer> => {
    const { results: settled, rest } = await push(part)
    record(settled)
    if (rest.kind === 'declined') return { kind: 'declined', by: rest }
    lost = await follow(part, rest)
    if (lost !== undefined) return { kind: 'over' }
    const isClean = rest.kind === 'none' && !settled.values().some(({ status }) => status === 'rejected')
    return { kind: isClean ? 'passed' : 'settled' }
  }
  const follow: Session['follow'] = async (part, rest) => {
    if (rest.kind === 'failed') return rest.failure
    if (rest.kind === 'cut') {
      broken = rest.failure
      if (!(await mayBeTooLarge(history))) return broken
      large = [...large, part.filter(({ ref }) => !results.has(ref))]
    } else if (rest.kind === 'too_large') {
      large = [...large, part.filter(({ ref }) => rest.refused.has(ref))]
    } else if (rest.kind === 'declined') {
      const refused = part.filter(({ ref }) => rest.refused.has(ref))
      record(await pushSurvivors(refused, rest, pushForSurvivors))
      return lost
    }
    return undefined
  }
  const pushAll: Session['pushAll'] = async (part) => {
    const answer = await push(part)
    record(answer.results)
    return follow(part, answer.rest)
  }
  const takeLarge = (): readonly Part[] => {
    const taken = large
    large = []
    return taken
  }
  return { results, takeLarge, broken: () => broken, push, record, follow, pushAll }
}

// Git sends nothing at all when it cannot place one of the refs.
async function pushSendable(part: Part, call: PushRoom['call']): Promise<PushAnswer> {
  const results = new Map<RefName, PushResult>()
  for (let open = part; ; open = open.filter(({ ref }) => !results.has(ref))) {
    if (open.length === 0) return { results, rest: { kind: 'none' } }
    const answer = readAnswer(open, await call(open))
    for (const [ref, result] of answer.results) results.set(ref, result)
    if (answer.rest.kind !== 'unsent') return { results, rest: answer.rest }
  }
}

async function pushLarge(session: Session, room: PushRoom): Promise<GitFailure | undefined> {
  const large = session.takeLarge()
  if (large.length === 0) return undefined
  const opened = await openUpload({ ...room, push: session.push })
  if (!opened.ok) return session.broken() ?? opened.failure
  const { upload } = opened
  // Of a push that broke off nobody knows what arrived.
  const held = upload.held()
  const isThere = ({ ref, sha }: PushUpdate): boolean => held.get(ref) === (sha ?? undefined)
  const arrived = large.flat().filter(isThere)
  session.record(new Map(arrived.map(({ ref }) => [ref, ARRIVED])))
  const rest = large.map((part) => part.filter((update) => !isThere(update)))
  const open = rest.filter((part) => part.length > 0)
  if (open.length === 0) return undefined
  const broken = session.broken()
  if (broken !== undefined && !(await upload.isWorthCutting(open.flat()))) return broken
  return pushSmaller({ ...session, ...room, upload }, open)
}

/** Deletions that other names wait for, branches, tags, and the remaining deletions. */
function inOrder(updates: Part): Part {
  const deletions = updates.filter(({ sha }) => sha === null)
  const others = updates.filter(({ sha }) => sha !== null)
  const waitedFor = new Set(inTheWay(deletions, others))
  return [
    ...deletions.filter((deletion) => waitedFor.has(deletion)),
    ...others.filter(({ ref }) => isBranchRef(ref)),
    ...others.filter(({ ref }) => !isBranchRef(ref)),
    ...deletions.filter((deletion) => !waitedFor.has(deletion)),
  ]
}

/** Those of `updates` that could not be while a ref that is deleted now was still there. */
function freedNames(updates: Part, results: PushResults): Part {
  const taken = updates.filter(({ ref }) => results.get(ref)?.kind === 'name_taken')
  const freed = updates.filter(({ ref, sha }) => sha === null && results.get(ref)?.status !== 'rejected')
  return inTheWay(taken, freed)
}

/** Those of `some` that cannot be beside one of `others`: a ref cannot have the name of another one's folder. */
function inTheWay(some: Part, others: Part): Part {
  if (some.length === 0 || others.length === 0) return []
  const names = new Set<string>(others.map(({ ref }) => ref))
  const folders = new Set(others.flatMap(({ ref }) => foldersOf(ref)))
  return some.filter(({ ref }) => folders.has(ref) || foldersOf(ref).some((folder) => names.has(folder)))
}

/** `refs/heads/a` and `refs/heads/a/b` for `refs/heads/a/b/c`. */
function foldersOf(ref: RefName): readonly string[] {
  const parts = ref.split('/')
  return parts.slice(3).map((_, index) => parts.slice(0, index + 3).join('/'))
}

function cut(updates: Part, limits: PushLimits): readonly Part[] {
  const parts: PushUpdate[][] = []
  let [refspecBytes, leaseBytes, refs] = [Infinity, Infinity, Infinity]
  for (const update of updates) {
    const refspecSize = Buffer.byteLength(refspecOf(update)) + 1
    const leaseSize = leaseOf(update).reduce((sum, lease) => sum + Buffer.byteLength(lease) + 1, 0)
    refspecBytes += refspecSize
    leaseBytes += leaseSize
    // A lease is compared with every ref of the remote as well.
    const comparisons = update.lease === undefined ? 1 : 2
    refs += comparisons
    if (refspecBytes > limits.refspecBytes || leaseBytes > limits.leaseBytes || refs > limits.refs) {
      parts.push([])
      ;[refspecBytes, leaseBytes, refs] = [refspecSize, leaseSize, comparisons]
    }
    parts.at(-1)?.push(update)
  }
  return parts
}
