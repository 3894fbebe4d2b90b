import type { Sha } from '../refs.ts'
import { createCommitReader } from './pack-commits.ts'

// Whether a pack itself proves that one commit descends from another: a chain of parents leads from the newer
// to the older one, and every commit of the chain was seen and hashed. So nobody can make it up.

export type Verdict = 'proven' | 'open' | 'not_proven'

export type DescentProof = {
  /** Throws a `WireError` at what is no pack. */
  readonly take: (chunk: Buffer) => Verdict
}

// A source that was rewritten sends all of its history; the proof gives up before that costs much memory.
const MOST_COMMITS = 50_000

export function createDescentProof({
  after,
  before,
}: {
  readonly after: Sha
  readonly before: Sha
}): DescentProof {
  const reader = createCommitReader()
  // Commits that a chain from `after` leads to, and those that were seen before a chain led to them.
  const reached = new Set<string>([after])
  const waiting = new Map<string, readonly string[]>()
  let verdict: Verdict = 'open'
  let count = 0

  function follow(parents: readonly string[]): void {
    const open = [...parents]
    for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
      if (sha === before) verdict = 'proven'
      if (reached.has(sha)) continue
      reached.add(sha)
      open.push(...(waiting.get(sha) ?? []))
      waiting.delete(sha)
    }
  }

  return {
    take: (chunk) => {
      if (verdict !== 'open') return verdict
      for (const { sha, parents } of reader.take(chunk)) {
        count += 1
        if (reached.has(sha)) follow(parents)
        else waiting.set(sha, parents)
      }
      if (verdict === 'open' && (reader.isOver() || count > MOST_COMMITS)) verdict = 'not_proven'
      return verdict
    },
  }
}
