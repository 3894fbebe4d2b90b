import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Sha } from '../../../src/git/refs.ts'
import type { Verdict } from '../../../src/git/wire/descent.ts'
import { createDescentProof } from '../../../src/git/wire/descent.ts'
import { WireError } from '../../../src/git/wire/wire-error.ts'
import type { History } from '../../rig/history.ts'
import { isAncestor, packBetween, writeHistories } from '../../rig/history.ts'
import { createBareRepository, createFolder, git, shaOf } from '../../rig/repository.ts'
import { cuts, inPieces } from './pieces.ts'

const HISTORIES = 500

type Drawn = {
  readonly history: History
  readonly times: readonly number[]
  readonly before: number
  readonly after: number
  readonly isBeforeKnown: boolean
  readonly sizes: readonly number[]
}

test('any history proves what git says of it, and never more', async () => {
  await using folder = await createFolder()
  await createBareRepository(folder.path)
  const drawn = fc.sample(histories(), HISTORIES)
  const commits = await writeHistories(
    folder.path,
    drawn.map(({ history }) => history),
    {
      // Long messages that are alike: some commits are then stored as what differs from another one.
      message: (number, commit) =>
        `merge ${commit} of ${number}\n\n${'the same words in every message\n'.repeat(20)}`,
      time: (number, commit) => drawn[number]?.times[commit] ?? 0,
    },
  )
  const counts = { proven: 0, not_proven: 0, wrong: new Array<string>() }

  for (const [number, { before, after, isBeforeKnown, sizes }] of drawn.entries()) {
    const older = commits[number]?.[before]
    const newer = commits[number]?.[after]
    if (older === undefined || newer === undefined) throw new Error('a commit is missing')
    const isForward = older !== newer && (await isAncestor(folder.path, older, newer))
    const pack = await packBetween(folder.path, newer, isBeforeKnown ? older : undefined)
    const verdict = judge(inPieces(pack, sizes), { before: older, after: newer })
    if ((verdict === 'proven') !== isForward)
      counts.wrong.push(`${number}: ${verdict}, git says ${isForward}`)
    counts[verdict === 'proven' ? 'proven' : 'not_proven'] += 1
  }

  expect(counts.wrong).toEqual([])
  expect(Math.min(counts.proven, counts.not_proven)).toBeGreaterThan(HISTORIES / 10)
}, 120_000)

test('a pack of another pair of commits proves nothing', async () => {
  await using folder = await createFolder()
  await createBareRepository(folder.path)
  const [[root, main, side, further] = []] = await writeHistories(folder.path, [[[], [0], [0], [2]]])
  if (root === undefined || main === undefined || side === undefined || further === undefined)
    throw new Error()
  const pack = await packBetween(folder.path, further, root)

  expect(judge([pack], { before: root, after: further })).toBe('proven')
  expect(judge([pack], { before: main, after: further })).toBe('not_proven')
  expect(judge([pack], { before: root, after: main })).toBe('not_proven')
})

test('a commit that only speaks of a parent does not have it', async () => {
  await using folder = await createFolder()
  await createBareRepository(folder.path)
  const before = shaOf('b'.repeat(40))
  const message = `parent ${before}\n\nparent ${before}\n`
  const [[root, after] = []] = await writeHistories(folder.path, [[[], [0]]], { message: () => message })
  if (root === undefined || after === undefined) throw new Error()
  const pack = await packBetween(folder.path, after, root)

  expect(judge([pack], { before, after })).toBe('not_proven')
  expect(judge([pack], { before: root, after })).toBe('proven')
})

test('a pack in which one bit was turned proves nothing new', async () => {
  await using folder = await createFolder()
  await createBareRepository(folder.path)
  const [[root, one, two, merge] = []] = await writeHistories(folder.path, [[[], [0], [0], [1, 2]]])
  if (root === undefined || one === undefined || two === undefined || merge === undefined) throw new Error()
  const pack = await packBetween(folder.path, merge, root)
  const unrelated = shaOf('c'.repeat(40))

  fc.assert(
    fc.property(fc.nat(pack.length - 1), fc.nat(7), (at, bit) => {
      const turned = Buffer.from(pack)
      turned[at] = (turned[at] ?? 0) ^ (1 << bit)

      // Whatever it still proves is true: the chain hangs together by hashes.
      expect(tryToJudge(turned, { before: unrelated, after: merge })).not.toBe('proven')
      expect(tryToJudge(turned, { before: root, after: unrelated })).not.toBe('proven')
    }),
    { numRuns: 1000 },
  )
})

test('a pack of nothing, of no commits, or of none at all proves nothing', async () => {
  await using folder = await createFolder()
  await createBareRepository(folder.path)
  const [[root, main] = []] = await writeHistories(folder.path, [[[], [0]]])
  if (root === undefined || main === undefined) throw new Error()
  const tree = shaOf(await git(folder.path, 'rev-parse', `${main}^{tree}`))
  const ends = { before: root, after: main }

  expect(judge([await packBetween(folder.path, root, root)], ends)).toBe('not_proven')
  expect(judge([await packBetween(folder.path, tree, undefined)], ends)).toBe('not_proven')
  expect(tryToJudge(Buffer.from('<html>log in</html>'), ends)).toBe('no pack')
})

test('a pack of endless commits is given up', () => {
  const content = Buffer.from(`tree ${'a'.repeat(40)}\nparent ${'b'.repeat(40)}\n\n`)
  // The type of a commit and the size of its content, four bits and then seven.
  const commit = Buffer.concat([
    Buffer.of(0x90 | (content.length & 15), content.length >> 4),
    deflateSync(content),
  ])
  const header = Buffer.from('PACK\0\0\0\x02\xff\xff\xff\xff', 'latin1')
  const ends = { before: shaOf('c'.repeat(40)), after: shaOf('d'.repeat(40)) }
  const proof = createDescentProof(ends)
  const hundred = Buffer.concat(Array.from({ length: 100 }, () => commit))

  let rounds = 0
  for (let verdict = proof.take(header); verdict === 'open'; rounds += 1) verdict = proof.take(hundred)

  expect(rounds).toBeGreaterThan(400)
  expect(rounds).toBeLessThan(600)
})

function judge(pieces: readonly Buffer[], ends: { readonly before: Sha; readonly after: Sha }): Verdict {
  const proof = createDescentProof(ends)
  let verdict: Verdict = 'open'
  for (const piece of pieces) {
    verdict = proof.take(piece)
    if (verdict !== 'open') break
  }
  return verdict
}

function tryToJudge(pack: Buffer, ends: { readonly before: Sha; readonly after: Sha }): Verdict | 'no pack' {
  try {
    return judge([pack], ends)
  } catch (error) {
    if (error instanceof WireError) return 'no pack'
    throw error
  }
}

/** Up to fourteen commits with any number of parents and clocks that go wrong, and any two of them. */
function histories(): fc.Arbitrary<Drawn> {
  const parents = fc.oneof(
    { weight: 6, arbitrary: fc.constant([0]) },
    { weight: 3, arbitrary: fc.array(fc.nat(5), { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(9), { maxLength: 5 }) },
  )
  return fc
    .record({
      steps: fc.array(parents, { minLength: 2, maxLength: 14 }),
      times: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 14, maxLength: 14 }),
      after: fc.nat(13),
      before: fc.nat(13),
      isBeforeKnown: fc.boolean(),
      sizes: cuts(),
    })
    .map(({ steps, times, after, before, ...rest }) => ({
      ...rest,
      times,
      // A step counts backwards from the commit before it, so that most histories hang together.
      history: steps.map((back, commit) => [
        ...new Set(back.map((distance) => commit - 1 - distance).filter((parent) => parent >= 0)),
      ]),
      before: before % steps.length,
      after: after % steps.length,
    }))
}
