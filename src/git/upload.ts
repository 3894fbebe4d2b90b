import type { GitFailure, GitOutcome } from './git-error.ts'
import type { HistoryDeps } from './range.ts'
import { mirrorSize, sizeOf } from './range.ts'
import type { PushAnswer, PushUpdate } from './push.ts'
import { ARRIVED } from './push.ts'
import type { RefName, Sha } from './refs.ts'

// Pushes to a server that takes them only up to some size. Nobody tells that size, so it is learned from what
// the server took and what it refused, and nothing is sent that is known to be refused.

export type UploadDeps = {
  readonly history: HistoryDeps
  readonly push: (part: readonly PushUpdate[]) => Promise<PushAnswer>
  readonly look: () => Promise<GitOutcome<{ readonly refs: ReadonlyMap<RefName, Sha> }>>
}

export type Offered =
  | { readonly kind: 'answered'; readonly answer: PushAnswer }
  /** With a failure where it may also have been the connection, and nothing yet speaks for the size. */
  | { readonly kind: 'too_large'; readonly doubt: GitFailure | undefined }
  | { readonly kind: 'failed'; readonly failure: GitFailure }

export type Upload = {
  /** What the server held when it was last looked at. */
  readonly held: () => ReadonlyMap<RefName, Sha>
  /** What need not be sent because the server has it. */
  readonly known: () => readonly Sha[]
  /** About how many bytes these commits would take now; 0 also where git cannot tell. */
  readonly measure: (heads: readonly Sha[]) => Promise<number>
  /** Whether a connection that broke while this was sent may have done so for its size. */
  readonly isWorthCutting: (part: readonly PushUpdate[]) => Promise<boolean>
  /** Whether the server has refused as much already. */
  readonly isRefused: (bytes: number) => boolean
  /** What is worth trying next: as much as was taken before, or half of what was refused. */
  readonly goal: () => number
  readonly refuse: (bytes: number) => void
  readonly offer: (part: readonly PushUpdate[], bytes: number) => Promise<Offered>
}

/** A connection that breaks while less is sent has other reasons than the size. */
const SMALLEST_CUT = 2 ** 20
/** Each refusal halves what is tried next, so this many are never needed. */
const MOST_REFUSALS = 64
/** A server that takes so little that this is not enough gets the rest from the next sync. */
const MOST_PUSHES = 500
/** Connections that break in a row, each with half of what was sent before. */
const MOST_CUTS = 8

/** Whether a broken connection may be due to the size of what was sent. */
export async function mayBeTooLarge(deps: HistoryDeps): Promise<boolean> {
  return (await mirrorSize(deps)) >= SMALLEST_CUT
}

export async function openUpload(deps: UploadDeps): Promise<GitOutcome<{ readonly upload: Upload }>> {
  const first = await deps.look()
  if (!first.ok) return first
  let held = first.refs
  let pushes = 0
  let refusals = 0
  let cuts = 0
  let refusedBytes = Infinity
  let takenBytes = 0
  const sent = new Set<Sha>()

  const known = (): readonly Sha[] => [...new Set([...held.values(), ...sent])]
  const refuse = (bytes: number): void => {
    // Git could not tell.
    if (bytes === 0) return
    refusedBytes = Math.min(refusedBytes, bytes)
    if (takenBytes >= bytes) takenBytes = bytes / 2
  }
  // The server may have taken it all the same; only another look tells.
  const lookAgain = async (
    part: readonly PushUpdate[],
    failure: GitFailure,
  ): Promise<Offered | undefined> => {
    cuts += 1
    const again = cuts > MOST_CUTS ? undefined : await deps.look()
    if (again === undefined || !again.ok) return { kind: 'failed', failure }
    held = again.refs
    const results = new Map(part.map(({ ref }) => [ref, ARRIVED]))
    const isThere = part.every(({ ref, sha }) => held.get(ref) === (sha ?? undefined))
    return isThere ? { kind: 'answered', answer: { results, rest: { kind: 'none' } } } : undefined
  }

  const measure: Upload['measure'] = async (heads) =>
    (await sizeOf(deps.history, { heads, known: known() })) ?? 0

  const upload: Upload = {
    held: () => held,
    known,
    measure,
    isWorthCutting: async (part) =>
      (await measure(part.flatMap(({ sha }) => (sha === null ? [] : [sha])))) >= SMALLEST_CUT,
    isRefused: (bytes) => bytes >= refusedBytes * 0.9,
    goal: () => Math.max(takenBytes, refusedBytes / 2),
    refuse,
    offer: async (part, bytes) => {
      if (refusals >= MOST_REFUSALS || pushes >= MOST_PUSHES) return { kind: 'failed', failure: ENOUGH }
      pushes += 1
      const answer = await deps.push(part)
      const { rest } = answer
      let doubt: GitFailure | undefined
      if (rest.kind === 'failed') return { kind: 'failed', failure: rest.failure }
      if (rest.kind === 'cut') {
        if (bytes < SMALLEST_CUT) return { kind: 'failed', failure: rest.failure }
        const settled = await lookAgain(part, rest.failure)
        if (settled !== undefined) return settled
        if (takenBytes === 0) doubt = rest.failure
      } else if (rest.kind !== 'too_large') {
        cuts = 0
        takenBytes = Math.max(takenBytes, bytes)
        for (const { ref, sha } of part) {
          if (sha !== null && answer.results.get(ref)?.status === 'ok') sent.add(sha)
        }
        return { kind: 'answered', answer }
      }
      refuse(bytes)
      refusals += 1
      return { kind: 'too_large', doubt }
    },
  }
  return { ok: true, upload }
}

const ENOUGH: GitFailure = {
  kind: 'too_large',
  detail: 'the server takes so little at once that this sync ends here; the next one goes on',
}
