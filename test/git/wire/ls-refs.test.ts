import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ListedRef } from '../../../src/git/wire/ls-refs.ts'
import { createRefReader, lsRefsRequest } from '../../../src/git/wire/ls-refs.ts'
import { FLUSH, textPacket } from '../../../src/git/wire/pkt-line.ts'
import { shaOf } from '../../rig/repository.ts'
import { cuts, inPieces } from './pieces.ts'

const SHA = 'a'.repeat(40)

function read(pieces: readonly Buffer[]): readonly ListedRef[] {
  const reader = createRefReader()
  const refs = pieces.flatMap((piece) => [...reader.take(piece)])
  reader.end()
  return refs
}

test('the request asks for symbolic refs and the prefixes alone', () => {
  const request = lsRefsRequest(['HEAD', 'refs/heads/'])

  expect(request.toString()).toBe(
    '0014command=ls-refs\n0001000csymrefs\n0014ref-prefix HEAD\n001bref-prefix refs/heads/\n0000',
  )
})

test('any list is read as it was sent, in whatever pieces it arrives', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\s\u0000]/.test(text))
  const listed = fc.record({
    name: name.map((text) => `refs/heads/${text}`),
    sha: fc.stringMatching(/^[1-9a-f][0-9a-f]{39}$/).map(shaOf),
    leadsTo: fc.option(name, { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(listed), cuts(), (refs, sizes) => {
      const lines = refs.map(({ name: ref, sha, leadsTo }) =>
        textPacket(`${sha} ${ref}${leadsTo === undefined ? '' : ` symref-target:${leadsTo}`}`),
      )

      const found = read(inPieces(Buffer.concat([...lines, FLUSH]), sizes))

      expect(found).toEqual(refs)
    }),
  )
})

test('a branch that is not yet born is no ref', () => {
  const answer = Buffer.concat([textPacket('unborn HEAD symref-target:refs/heads/main'), FLUSH])

  const refs = read([answer])

  expect(refs).toEqual([])
})

test.each([
  ['no line at all', Buffer.alloc(0), 'has no end'],
  ['no end', textPacket(`${SHA} refs/heads/main`), 'has no end'],
  ['half a line', Buffer.from('003faaaa'), 'in the middle of a packet'],
  ['a page', Buffer.from('<html>log in</html>'), 'is not the length'],
  ['a line that names no ref', Buffer.concat([textPacket('hello world'), FLUSH]), 'names no ref'],
  ['a second list', Buffer.concat([FLUSH, textPacket(`${SHA} refs/heads/main`), FLUSH]), 'follows the end'],
  ['another section', Buffer.from('00010000'), 'delimiter'],
])('%s is never taken for a list', (_, answer, message) => {
  expect(() => read([answer])).toThrow(message)
})
