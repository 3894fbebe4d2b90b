import fc from 'fast-check'

/** Any bytes. */
export function bytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
}

/** The same bytes as they may arrive: in pieces of any size, empty ones among them. */
export function inPieces(whole: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (let turn = 0; at < whole.length; turn += 1) {
    const size = sizes.length === 0 ? whole.length : (sizes[turn % sizes.length] ?? 0)
    // A list of empty pieces only would never come to an end.
    const end = at + (turn > 10_000 ? whole.length : size)
    pieces.push(whole.subarray(at, end))
    at = end
  }
  return pieces
}

/** How bytes are cut; see `inPieces`. */
export function cuts(): fc.Arbitrary<readonly number[]> {
  return fc.array(
    fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2000 })),
    {
      maxLength: 12,
    },
  )
}
