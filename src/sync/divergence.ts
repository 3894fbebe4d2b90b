import type { Side } from '../binding/binding.ts'
import { compareHistories } from '../git/history.ts'
import type { OneSided } from '../git/history.ts'
import type { Sha } from '../git/refs.ts'
import type { SyncContext } from './context.ts'

/** How far the heads of a ref are apart: what each side has and the other lacks. */
export type Divergence = {
  /** The newest commit that both have; null: there is none. */
  readonly base: Sha | null
} & Readonly<Record<Side, OneSided>>

/** Compares two heads that the mirror holds; undefined where it does not, or where they are no commits. */
export async function measureDivergence(
  { deps, mirror, signal }: SyncContext,
  heads: Readonly<Record<Side, Sha>>,
): Promise<Divergence | undefined> {
  const sides = { left: heads.internal, right: heads.external }
  const compared = await compareHistories(deps.git, mirror, sides, signal)
  if (!compared.ok) return undefined
  return { base: compared.base, internal: compared.left, external: compared.right }
}
