import { classifyRef } from './classify.ts'
import type { GitResult } from './git.ts'
import type { GitErrorKind, GitFailure, GitOutcome } from './git-error.ts'
import { isRefusal } from './git-error.ts'
import type { RefName, Sha } from './refs.ts'
import { toRefName } from './refs.ts'

// A push of many refs as a series of calls, and what the server said about each ref.

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

type Push = (leases: readonly string[], refspecs: readonly string[]) => Promise<GitResult>
type Results = Map<RefName, PushResult>

// Halving finds one refused ref among a thousand in twenty pushes; a server that refuses everything must
// not be asked a thousand times.
const MAX_EXTRA_PUSHES = 64
const MAX_REASON = 500

/** Pushes in as few calls as the limits allow, in halves where a call was declined as a whole. */
export async function pushInParts(
  updates: readonly PushUpdate[],
  maxBytes: number,
  push: Push,
): Promise<GitOutcome<{ readonly results: ReadonlyMap<RefName, PushResult> }>> {
  const results: Results = new Map()
  const waiting = cut(updates, maxBytes)
  let extraPushes = 0
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    const result = await push(part.flatMap(leaseOf), part.map(refspecOf))
    const report = result.kind === 'exited' ? parseReport(result) : new Map<RefName, PushResult>()
    const isDeclined = part.length > 1 && isDeclinedAsWhole(part, result, report)
    if (isDeclined && extraPushes + 2 <= MAX_EXTRA_PUSHES) {
      const middle = Math.ceil(part.length / 2)
      waiting.unshift(part.slice(0, middle), part.slice(middle))
      extraPushes += 2
      continue
    }
    const ambiguous = report.size === 0 ? ambiguousRefs(part, result) : new Set<RefName>()
    if (ambiguous.size > 0) {
      for (const ref of ambiguous) results.set(ref, rejected('ref_ambiguous', AMBIGUOUS))
      const rest = part.filter(({ ref }) => !ambiguous.has(ref))
      if (rest.length > 0) waiting.unshift(rest)
      continue
    }
    const failure = callFailure(result, report)
    const goesOn = failure !== undefined && canContinue(failure) && waiting.length > 0
    if (failure !== undefined && results.size === 0 && !goesOn) return { ok: false, failure }
    const unknown = failure ?? { kind: 'unknown', detail: 'the server did not say what became of the ref' }
    for (const { ref } of part) results.set(ref, report.get(ref) ?? rejected(unknown.kind, unknown.detail))
    if (failure !== undefined && !canContinue(failure)) {
      for (const { ref } of waiting.flat()) results.set(ref, rejected(unknown.kind, unknown.detail))
      break
    }
  }
  return { ok: true, results }
}

const AMBIGUOUS = 'the target has another branch or tag of which this name is the end'

// Git gives up before it sends anything, and names every ref that it cannot place.
function ambiguousRefs(part: readonly PushUpdate[], result: GitResult): ReadonlySet<RefName> {
  if (result.kind === 'stopped') return new Set()
  const named = new Set(
    Array.from(result.stderr.matchAll(/dst refspec (\S+) matches more than one/g), ([, ref]) => ref),
  )
  return new Set(part.map(({ ref }) => ref).filter((ref) => named.has(ref)))
}

// A part may be too large where another one is not; what else fails a call would fail the next one too.
function canContinue(failure: GitFailure): boolean {
  return failure.kind === 'too_large'
}

function refspecOf({ ref, sha }: PushUpdate): string {
  return `${sha ?? ''}:${ref}`
}

// An empty expectation means that the ref must not exist.
function leaseOf({ ref, lease }: PushUpdate): readonly string[] {
  return lease === undefined ? [] : [`--force-with-lease=${ref}:${lease ?? ''}`]
}

function cut(updates: readonly PushUpdate[], maxBytes: number): PushUpdate[][] {
  const parts: PushUpdate[][] = []
  let bytes = Infinity
  for (const update of updates) {
    const size = Buffer.byteLength([refspecOf(update), ...leaseOf(update)].join(' ')) + 1
    bytes += size
    if (bytes > maxBytes) {
      parts.push([])
      bytes = size
    }
    parts.at(-1)?.push(update)
  }
  return parts
}

// A pre-receive hook lets all refs pass or none, and a size limit counts all of them together.
function isDeclinedAsWhole(part: readonly PushUpdate[], result: GitResult, report: Results): boolean {
  if (result.kind === 'stopped') return false
  if (report.size === 0) return result.failure.kind === 'too_large'
  const answers = part.map(({ ref }) => report.get(ref))
  return (
    !answers.some((answer) => answer?.status === 'ok') &&
    answers.filter((answer) => answer?.status === 'rejected' && isRefusal(answer.kind)).length > 1
  )
}

// The exit code also tells about refused refs; only a call without any line has failed as a call.
function callFailure(result: GitResult, report: Results): GitFailure | undefined {
  if (result.kind === 'stopped') return result.failure
  return result.exitCode !== 0 && report.size === 0 ? result.failure : undefined
}

/** Reads `<flag> TAB <from>:<to> TAB <summary> (<reason>)`, one line per ref. */
function parseReport(result: Extract<GitResult, { kind: 'exited' }>): Results {
  const results: Results = new Map()
  for (const line of result.stdout.split('\n')) {
    const [, flag, to, summary = ''] = /^([ +\-*!=])\t[^:]*:([^\t]+)\t(.*)$/.exec(line) ?? []
    const ref = toRefName(to ?? '')
    if (flag === undefined || ref === undefined) continue
    results.set(ref, flag === '!' ? refusal(ref, summary, result) : flag === '=' ? UP_TO_DATE : OK)
  }
  return results
}

const OK: PushResult = { status: 'ok', kind: null, reason: null }
const UP_TO_DATE: PushResult = { status: 'up_to_date', kind: null, reason: null }

function refusal(ref: RefName, summary: string, result: Extract<GitResult, { kind: 'exited' }>): PushResult {
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

function rejected(kind: GitErrorKind, reason: string): PushResult {
  return { status: 'rejected', kind, reason: reason.slice(0, MAX_REASON) }
}
