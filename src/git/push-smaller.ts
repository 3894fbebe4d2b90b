import type { GitFailure } from './git-error.ts'
import type { HistoryPush } from './push-history.ts'
import { pushHistory } from './push-history.ts'
import type { PushAnswer, PushResult, PushUpdate } from './push.ts'
import type { RefName } from './refs.ts'
import type { Upload } from './upload.ts'

// What was too large in one push goes in smaller ones: first fewer refs at a time, then, where a single one is
// too large, its history in steps. Branches come before tags, and bring most of what these need.

type Part = readonly PushUpdate[]

export type SmallerPush = HistoryPush & {
  /** Parts that were refused for their size, each told once. */
  readonly takeLarge: () => readonly Part[]
  readonly record: (results: ReadonlyMap<RefName, PushResult>) => void
  /** Sees to what was refused for other reasons; resolves to a failure when nothing further can be pushed. */
  readonly follow: (part: Part, rest: PushAnswer['rest']) => Promise<GitFailure | undefined>
}

// A branch may only need what another one brings, so those that stay too large are tried again after the others.
const MOST_ROUNDS = 3

/** Resolves to a failure when nothing further can be pushed; what was recorded by then stands. */
export async function pushSmaller(
  push: SmallerPush,
  large: readonly Part[],
): Promise<GitFailure | undefined> {
  const { upload } = push
  for (const part of large) upload.refuse(await upload.measure(headsOf(part)))
  const refused = new Set(large)
  const waiting = [...large]
  const single: PushUpdate[] = []
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    const [first] = part
    const bytes = await upload.measure(headsOf(part))
    const isRefused = refused.has(part) || upload.isRefused(bytes)
    const offered = isRefused ? TOO_LARGE : await upload.offer(part, bytes)
    if (offered.kind === 'failed') return offered.failure
    if (offered.kind === 'answered') {
      push.record(offered.answer.results)
      const failure = await push.follow(part, offered.answer.rest)
      if (failure !== undefined) return failure
      waiting.push(...push.takeLarge())
    } else if (part.length > 1) {
      const middle = Math.ceil(part.length / 2)
      waiting.unshift(part.slice(0, middle), part.slice(middle))
    } else if (first !== undefined) single.push(first)
  }
  return pushSingles(push, single)
}

const TOO_LARGE = { kind: 'too_large', doubt: undefined } as const

async function pushSingles(push: SmallerPush, single: Part): Promise<GitFailure | undefined> {
  let open = single
  for (let round = 1; round <= MOST_ROUNDS && open.length > 0; round += 1) {
    const stay: PushUpdate[] = []
    for (const update of open) {
      const pushed = await pushHistory(push, update)
      if (!pushed.ok) return pushed.failure
      push.record(new Map([[update.ref, pushed.result]]))
      if (pushed.result.kind === 'too_large') stay.push(update)
    }
    if (stay.length === open.length) break
    open = stay
  }
  return undefined
}

function headsOf(part: Part): Parameters<Upload['measure']>[0] {
  return part.flatMap(({ sha }) => (sha === null ? [] : [sha]))
}
