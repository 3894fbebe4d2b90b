import type { GitOutcome } from './git-error.ts'
import type { HistoryDeps } from './range.ts'
import { contains, firstParents, largestFile } from './range.ts'
import type { PushResult, PushUpdate } from './push.ts'
import { ARRIVED, rejected } from './push.ts'
import type { RefName, Sha } from './refs.ts'
import { isBranchRef } from './refs.ts'
import type { Upload } from './upload.ts'

// A branch whose history is too large for one push goes forward commit by commit, as many at a time as the
// server takes.
//
// Each step is a push like any other: only forward, or under the lease of the update, which the first step uses
// up. The branch is at an older commit of the same history meanwhile; whoever comes after a crash goes on from
// there. Where a step replaced a head that the new history does not contain, and the rest cannot follow, that
// head is put back.

export type PushStep = {
  readonly ref: RefName
  readonly sha: Sha
  /** Commits of the branch that have arrived, and that there are to send. */
  readonly done: number
  readonly of: number
}

export type HistoryPush = {
  readonly upload: Upload
  readonly history: HistoryDeps
  readonly onStep: (step: PushStep) => void
}

type Judged = GitOutcome<{ readonly result: PushResult }>

/** Pushes a single ref, in steps where it is too large; the failure means that nothing further can be pushed. */
export async function pushHistory(push: HistoryPush, update: PushUpdate): Promise<Judged> {
  const { ref, sha } = update
  if (sha === null) return judged(rejected('too_large', 'the server takes nothing larger than this deletion'))
  const line = isBranchRef(ref) ? await stepsTo(push, { ...update, sha }) : []
  return pushLine(push, { ...update, sha }, line.length === 0 ? [sha] : line)
}

type Arrival = PushUpdate & { readonly sha: Sha }

async function pushLine(push: HistoryPush, update: Arrival, line: readonly Sha[]): Promise<Judged> {
  const { upload, onStep } = push
  let done = 0
  let reach = line.length
  while (done < line.length) {
    const { next, bytes } = await nextStep(upload, line, done, reach)
    const sha = line[next - 1] ?? update.sha
    const { ref, lease } = update
    const step = done > 0 || lease === undefined ? { ref, sha } : { ref, sha, lease }
    const offered = await upload.offer([step], bytes)
    if (offered.kind === 'failed') return { ok: false, failure: offered.failure }
    if (offered.kind === 'too_large' && next - done > 1) {
      reach = Math.ceil((next - done) / 2)
      continue
    }
    if (offered.kind === 'too_large' && offered.doubt !== undefined)
      return { ok: false, failure: offered.doubt }
    const result =
      offered.kind === 'too_large'
        ? await tooLarge(push, sha, { done, of: line.length })
        : offered.answer.results.get(ref)
    if (result === undefined || result.status === 'rejected') {
      const verdict = result ?? rejected('unknown', 'the server did not say what became of the ref')
      return judged(await takeBack(push, update, line[done - 1], verdict))
    }
    // As large a step was taken, so a larger one is worth measuring.
    reach = (next - done) * 2
    done = next
    if (line.length > 1) onStep({ ref, sha, done, of: line.length })
  }
  return judged(ARRIVED)
}

/** The furthest commit within reach that is not larger than what is worth trying; at least the next one. */
async function nextStep(
  upload: Upload,
  line: readonly Sha[],
  done: number,
  reach: number,
): Promise<{ readonly next: number; readonly bytes: number }> {
  let next = Math.min(done + reach, line.length)
  for (;;) {
    const head = line[next - 1]
    const bytes = head === undefined ? 0 : await upload.measure([head])
    if (bytes <= upload.goal() || next - done <= 1) return { next, bytes }
    next = done + Math.ceil((next - done) / 2)
  }
}

/** The commits that the branch may be at in between, oldest first. */
async function stepsTo({ upload, history }: HistoryPush, update: Arrival): Promise<readonly Sha[]> {
  const { ref, sha, lease } = update
  const held = upload.held().get(ref)
  const mayReplace = lease !== undefined
  const base = held !== undefined && (!mayReplace || (await contains(history, sha, held))) ? held : undefined
  const known = base === undefined ? upload.known() : [base]
  const line = await firstParents(history, { heads: [sha], known })
  if (base === undefined) return line
  // Where what the branch holds came in by a merge, the commits before that merge would lose it.
  let [from, to] = [0, line.length - 1]
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const commit = line[middle]
    if (commit !== undefined && (await contains(history, commit, base))) to = middle
    else from = middle + 1
  }
  return line.slice(from)
}

async function tooLarge(
  { upload, history }: HistoryPush,
  sha: Sha,
  { done, of }: { readonly done: number; readonly of: number },
): Promise<PushResult> {
  const bytes = await upload.measure([sha])
  const file = await largestFile(history, { heads: [sha], known: upload.known() })
  const most = file === undefined ? '' : `; its largest file is ${file.path} (${inMegabytes(file.bytes)})`
  const reached = done === 0 ? '' : `; ${done} of ${of} commits before it have arrived`
  const what = `commit ${sha.slice(0, 7)} alone is ${inMegabytes(bytes)}, more than the server takes at once`
  return rejected('too_large', `${what}${most}${reached}`)
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`
}

/** Puts back a head that the steps so far have taken away for nothing. */
async function takeBack(
  { upload, history }: HistoryPush,
  { ref, lease }: Arrival,
  at: Sha | undefined,
  verdict: PushResult,
): Promise<PushResult> {
  if (verdict.status !== 'rejected' || at === undefined || lease === undefined || lease === null)
    return verdict
  // Somebody has pushed in between: what a lease is for, so the caller has to look again.
  if (verdict.kind === 'non_fast_forward') return rejected('moved_meanwhile', verdict.reason)
  if (await contains(history, at, lease)) return verdict
  const offered = await upload.offer([{ ref, sha: lease, lease: at }], 0)
  const isBack = offered.kind === 'answered' && offered.answer.results.get(ref)?.status === 'ok'
  const now = isBack ? 'the head before it was put back' : `the ref was left at ${at.slice(0, 7)}`
  return rejected(verdict.kind, `${verdict.reason}; ${now}`)
}

function judged(result: PushResult): Judged {
  return { ok: true, result }
}
