import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Supply } from '../../../src/git/wire/proven-pack.ts'
import { packBody } from '../../../src/git/wire/proven-pack.ts'
import { bytes } from './pieces.ts'

// What is sent of a pack, which must never be all of it as long as the source may still break off.

const SMALL = 64 * 1024

async function send(
  seen: readonly Buffer[],
  rest: readonly Buffer[],
  failure?: Error,
): Promise<{ readonly sent: Buffer; readonly isStream: boolean; readonly told: unknown }> {
  const supply: Supply = { isAwaited: false, broken: undefined }
  async function* pack(): AsyncGenerator<Buffer> {
    yield* rest
    if (failure !== undefined) throw failure
  }
  const body = await packBody({ seen, rest: pack() }, supply)
  if (body instanceof Uint8Array) return { sent: Buffer.from(body), isStream: false, told: undefined }
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of body) pieces.push(piece)
  } catch (error) {
    if (error !== failure) throw error
  }
  return { sent: Buffer.concat(pieces), isStream: true, told: supply.broken?.error }
}

const piece = fc.oneof(
  bytes(50).filter(({ length }) => length > 0),
  fc.nat(40_000).map((size) => Buffer.alloc(size + 1, size)),
)

test('a pack is sent as it is, in one piece while it is small', async () => {
  const drawn = fc.tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.array(piece, { maxLength: 6 }))
  await fc.assert(
    fc.asyncProperty(drawn, async ([seen, rest]) => {
      const whole = Buffer.concat([...seen, ...rest])

      const { sent, isStream } = await send(seen, rest)

      expect(sent.equals(whole)).toBe(true)
      expect(isStream).toBe(whole.length > SMALL)
    }),
  )
})

test('of a pack that breaks off something is always missing, also where only its end was not confirmed', async () => {
  const large = Buffer.alloc(SMALL + 1)
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (rest) => {
      const failure = new Error('the source broke off')

      const { sent, told } = await send([large], rest, failure)

      expect(sent.length).toBeLessThan(large.length + rest.reduce((sum, { length }) => sum + length, 0))
      expect(told).toBe(failure)
    }),
  )
})

test('of a small pack that breaks off nothing is sent', async () => {
  const sending = send([Buffer.from('PACK')], [Buffer.from('more')], new Error('the source broke off'))

  await expect(sending).rejects.toThrow('the source broke off')
})
