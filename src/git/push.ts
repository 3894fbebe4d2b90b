import { classifyRef } from './classify.ts'
import type { GitResult } from './git.ts'
import type { GitErrorKind, GitFailure } from './git-error.ts'
import { isRefusal } from './git-error.ts'
import type { RefName, Sha } from './refs.ts'

// One call of `git push`: what it is asked for, and what the server said about each ref.

export type PushUpdate = {
  readonly ref: RefName
  /** Null deletes the ref. */
  readonly sha: Sha | null
  /** What the remote's ref must be for the update to happen, whatever it overwrites; null: it must not exist. */
  readonly lease?: Sha | null
}

export type PushResult =
  | { readonly status: 'ok' | 'up_to_date'; readonly kind: null; readonly reason: null }
  | { readonly status: 'rejected'; readonly kind: GitErrorKind; readonly reason: string }

export type PushResults = ReadonlyMap<RefName, PushResult>

export type PushAnswer = {
  /** What is settled, whatever becomes of the rest. */
  readonly results: PushResults
  readonly rest:
    | { readonly kind: 'none' }
    /** Git would not send any of it because of those that are settled now. */
    | { readonly kind: 'unsent' }
    /** The server took none of these, but may take some of them without the others. */
    | { readonly kind: 'declined'; readonly refused: PushResults; readonly messages: string }
    /** The push was larger than the server takes; also a single ref may go through in smaller steps. */
    | { readonly kind: 'too_large'; readonly refused: PushResults }
    /** The connection broke while the push was sent, and nobody knows what arrived. */
    | { readonly kind: 'cut'; readonly failure: GitFailure }
    | { readonly kind: 'failed'; readonly failure: GitFailure }
}

const MAX_REASON = 500

export function refspecOf({ ref, sha }: PushUpdate): string {
  return `${sha ?? ''}:${ref}`
}

/** An empty expectation means that the ref must not exist. */
export function leaseOf({ ref, lease }: PushUpdate): readonly string[] {
  return lease === undefined ? [] : [`--force-with-lease=${ref}:${lease ?? ''}`]
}

export function rejected(kind: GitErrorKind, reason: string): PushResult {
  return { status: 'rejected', kind, reason: reason.slice(0, MAX_REASON) }
}

/** Says of each update what became of it. Silence is never taken for success. */
export function readAnswer(part: readonly PushUpdate[], result: GitResult): PushAnswer {
  if (result.kind === 'stopped')
    return { results: new Map(), rest: { kind: 'failed', failure: result.failure } }
  const report = parseReport(result)
  const results = new Map<RefName, PushResult>()
  const refused = new Map<RefName, PushResult>()
  const silent = new Set<RefName>()
  for (const { ref } of part) {
    const answer = report.get(ref)
    if (answer === undefined) silent.add(ref)
    else if (answer.status === 'rejected' && isRefusal(answer.kind)) refused.set(ref, answer)
    else results.set(ref, answer)
  }
  const ambiguous = report.size === 0 ? ambiguousRefs(part, result) : []
  if (ambiguous.length > 0) {
    return {
      results: new Map(ambiguous.map((ref) => [ref, rejected('ref_ambiguous', AMBIGUOUS)])),
      rest: { kind: 'unsent' },
    }
  }
  // A ref that git itself turned away has its line, also where the call then failed for the others.
  if (silent.size > 0 && result.exitCode !== 0) {
    for (const [ref, answer] of refused) results.set(ref, answer)
    return { results, rest: failureOf(silent, result) }
  }
  for (const ref of silent) results.set(ref, rejected('unknown', SILENCE))
  const [first] = refused.values()
  const isWhole = !results.values().some(({ status }) => status === 'ok')
  if (first?.kind === 'too_large' && isWhole && !isFinalLimit(result.stderr)) {
    return { results, rest: { kind: 'too_large', refused } }
  }
  if (isWhole && refused.size > 1) {
    return { results, rest: { kind: 'declined', refused, messages: result.stderr } }
  }
  return { results: new Map([...results, ...refused]), rest: { kind: 'none' } }
}

const SILENCE = 'the server did not say what became of the ref'

function failureOf(silent: ReadonlySet<RefName>, { failure, stderr }: Exited): PushAnswer['rest'] {
  if (failure.kind === 'too_large') {
    const refused = new Map(Array.from(silent, (ref) => [ref, rejected('too_large', failure.detail)]))
    return { kind: 'too_large', refused }
  }
  return { kind: isCut(failure, stderr) ? 'cut' : 'failed', failure }
}

// Proxies that wait no longer for the end of an upload, and servers that give up on a pack.
const CUT_STATUSES = new Set([408, 499, 500, 502, 504, 520, 522, 524])

function isCut({ kind }: GitFailure, stderr: string): boolean {
  if (kind !== 'unreachable' && kind !== 'server_error' && kind !== 'unknown') return false
  const [, status] = /\bHTTP (\d{3})\b/.exec(stderr) ?? []
  if (status !== undefined) return CUT_STATUSES.has(Number(status))
  return /RPC failed|unexpected disconnect|hung up unexpectedly|broken pipe|rewind rpc post/i.test(stderr)
}

/** Whether a single file is too large or there is no room left; no smaller push changes that. */
function isFinalLimit(messages: string): boolean {
  return messages
    .split('\n')
    .some((line) => LIMITED.test(line) && /exceed|larger|limit|too large|quota|超/i.test(line))
}

const LIMITED = /\bfiles?\b|\bblob\b|文件|\bquota\b|\bstorage\b|\brepository size\b|仓库|空间/i

const AMBIGUOUS = 'the target has another branch or tag of which this name is the end'

// Git gives up before it sends anything, and names every ref that it cannot place.
function ambiguousRefs(part: readonly PushUpdate[], { stderr }: Exited): readonly RefName[] {
  const named = new Set(
    Array.from(stderr.matchAll(/dst refspec (\S+) matches more than one/g), ([, ref]) => ref),
  )
  return part.map(({ ref }) => ref).filter((ref) => named.has(ref))
}

type Exited = Extract<GitResult, { readonly kind: 'exited' }>

/** Reads `<flag> TAB <from>:<to> TAB <summary> (<reason>)`, one line per ref. */
function parseReport(result: Exited): ReadonlyMap<string, PushResult> {
  const results = new Map<string, PushResult>()
  const taken = takenNames(result)
  const named = namedRefs(result)
  // Thousands of refs are refused in the same words, and reading these takes longer than anything else here.
  const refusals = new Map<string, PushResult>()
  for (const line of result.stdout.split('\n')) {
    const [, flag, ref, summary = ''] = /^([ +\-*!=])\t[^:]*:([^\t]+)\t(.*)$/.exec(line) ?? []
    if (flag === undefined || ref === undefined) continue
    if (flag !== '!') {
      results.set(ref, flag === '=' ? UP_TO_DATE : ARRIVED)
      continue
    }
    const known = named.has(ref) ? undefined : refusals.get(summary)
    const judged = taken.get(ref) ?? known ?? refusal(ref, summary, result)
    if (!named.has(ref)) refusals.set(summary, judged)
    results.set(ref, judged)
  }
  return results
}

export const ARRIVED: PushResult = { status: 'ok', kind: null, reason: null }
const UP_TO_DATE: PushResult = { status: 'up_to_date', kind: null, reason: null }

/** The refs that cannot be because another one has the name of their folder, or is in the folder of their name. */
function takenNames({ stderr }: Exited): ReadonlyMap<string, PushResult> {
  return new Map(
    Array.from(
      stderr.matchAll(/'(refs\/\S+)' exists; cannot create '(refs\/\S+)'/g),
      ([, other = '', ref = '']) => [ref, rejected('name_taken', `${other} is in the way of this name`)],
    ),
  )
}

/** The refs that have something said about them alone. */
function namedRefs({ stderr }: Exited): ReadonlySet<string> {
  return new Set(
    Array.from(stderr.matchAll(/\brefs\/(?:heads|tags)\/[^\s'"`]+/g), ([name]) =>
      name.replace(/[.,:;)]+$/, ''),
    ),
  )
}

function refusal(ref: string, summary: string, result: Exited): PushResult {
  const [, reason = summary] = /\((.*)\)$/.exec(summary) ?? []
  const kind = classifyRef(reason, result.stderr, ref)
  const said = result.stderr
    .split('\n')
    .filter((line) => /^(?:remote:|fatal:|error: remote)/.test(line))
    .map((line) => line.replace(/^remote:\s*/, ''))
    .join(' ')
  const isServerReason = summary.startsWith('[remote') && said !== ''
  return rejected(kind, isServerReason ? `${reason}: ${said}` : reason)
}
