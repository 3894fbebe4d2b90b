import type { Sha } from '../refs.ts'
import { createDescentProof } from './descent.ts'
import { WireError } from './wire-error.ts'
import type { WireRepository } from './wire-repository.ts'

// A pack under way that has shown already what it must: it moves a branch forward.

export type ProvenPack = {
  /** What the proof took. */
  readonly seen: readonly Buffer[]
  readonly rest: AsyncGenerator<Buffer>
}

// Commits come first; what has no proof in so many bytes is left to git.
const MOST_SEEN = 16 * 2 ** 20
// As long as it is so small, waiting for the end costs less than what some servers think of a body without a length.
const SMALL_PACK = 64 * 1024

/** Rejects with a `WireError` as soon as it is clear that there is no proof. */
export async function provePack(
  { openPack }: WireRepository,
  commits: { readonly after: Sha; readonly before: Sha },
): Promise<ProvenPack> {
  const pack = openPack({ want: commits.after, have: commits.before })
  const proof = createDescentProof(commits)
  const seen: Buffer[] = []
  let size = 0
  for (let next = await pack.next(); next.done !== true && size < MOST_SEEN; next = await pack.next()) {
    seen.push(next.value)
    size += next.value.length
    const verdict = proof.take(next.value)
    if (verdict === 'proven') return { seen, rest: pack }
    if (verdict === 'not_proven') break
  }
  await pack.return(undefined)
  throw new WireError('not_proven', 'the pack does not show that it moves the branch forward')
}

/** How the source is doing while its pack is sent on. */
export type Supply = {
  /** Whether everything that came was sent on, and more is due. */
  isAwaited: boolean
  broken: { readonly error: unknown } | undefined
}

/**
 * The pack as it is to be sent: in one piece when it is small, else as it arrives. A stream keeps its last piece
 * back until the source has said that the pack is complete, so that no server can take a broken one for whole.
 */
export async function packBody(
  { seen, rest }: ProvenPack,
  supply: Supply,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const pieces = [...seen]
  let size = pieces.reduce((sum, { length }) => sum + length, 0)
  while (size <= SMALL_PACK) {
    const next = await rest.next()
    if (next.done === true) return Buffer.concat(pieces)
    pieces.push(next.value)
    size += next.value.length
  }
  return withoutLast(pieces, rest, supply)
}

async function* withoutLast(
  pieces: Buffer[],
  rest: AsyncIterable<Buffer>,
  supply: Supply,
): AsyncGenerator<Buffer> {
  let last = pieces.pop() ?? Buffer.alloc(0)
  // Each piece is let go as it is sent.
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) yield piece
  try {
    supply.isAwaited = true
    for await (const piece of rest) {
      supply.isAwaited = false
      yield last
      last = piece
      supply.isAwaited = true
    }
    supply.isAwaited = false
  } catch (error) {
    supply.broken = { error }
    throw error
  }
  yield last
}
