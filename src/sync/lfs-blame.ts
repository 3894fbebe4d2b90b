import type { LfsPointer } from '../git/lfs-pointers.ts'
import { findPaths } from '../git/lfs-pointers.ts'
import { canHeal } from '../git/git-error.ts'
import { toLine } from '../git/output.ts'
import type { Sha } from '../git/refs.ts'
import type { SyncContext } from './context.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import type { HeadOffer } from './lfs.ts'
import type { SyncFailure } from './sync.ts'

/** A pointer whose object is not at the target. */
export type Unbrought = { readonly pointer: LfsPointer; readonly failure: SyncFailure }

type Refused = { readonly ok: true; readonly refused: ReadonlyMap<HeadOffer, SyncFailure> } | Failed

// Halving finds one bad head among thousands in few walks; where most are bad, it is not worth more of them.
const MOST_WALKS = 64

/** Finds the heads that need an object which could not be brought, and why each stays behind. */
export async function findRefused(
  context: SyncContext,
  offers: readonly HeadOffer[],
  known: readonly Sha[],
  unbrought: ReadonlyMap<Sha, Unbrought>,
): Promise<Refused> {
  const refused = new Map<HeadOffer, SyncFailure>()
  if (unbrought.size === 0) return { ok: true, refused }
  const { deps, mirror, signal } = context
  const blobs = new Set(unbrought.keys())
  const waiting = [offers]
  let walks = 0
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    walks += 1
    const heads = part.map(({ sha }) => sha)
    const found = await findPaths(deps.git, mirror, { heads, known }, blobs, signal)
    if (!found.ok) return failedOn(undefined, found.failure)
    if (found.paths.size === 0) continue
    if (part.length > 1 && walks + waiting.length + 2 <= MOST_WALKS) {
      const middle = Math.ceil(part.length / 2)
      waiting.push(part.slice(0, middle), part.slice(middle))
      continue
    }
    const failure = explain(unbrought, found.paths)
    for (const offer of part) refused.set(offer, failure)
  }
  return { ok: true, refused }
}

// What heals by itself stands for the rest: as long as there is such an object, another try is worth it.
function explain(unbrought: ReadonlyMap<Sha, Unbrought>, paths: ReadonlyMap<Sha, string>): SyncFailure {
  const concerned = Array.from(paths.keys(), (blob) => ({ blob, entry: unbrought.get(blob) }))
  const best =
    concerned.find(({ entry }) => entry !== undefined && canHeal(entry.failure.kind)) ?? concerned[0]
  const { blob, entry } = best ?? {}
  if (blob === undefined || entry === undefined) return { kind: 'unknown', side: undefined, detail: 'LFS' }
  const { pointer, failure } = entry
  const path = toLine(paths.get(blob) ?? '', [])
  const megabytes = (pointer.size / 2 ** 20).toFixed(1)
  const what = `LFS object ${pointer.oid.slice(0, 10)} (${megabytes} MB) of ${path}`
  const where = failure.side === undefined ? '' : `${failure.side}: `
  const more = paths.size > 1 ? `, and ${paths.size - 1} more` : ''
  return { ...failure, detail: `${what}: ${where}${toLine(failure.detail, [])}${more}` }
}
