import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesGlob } from '../src/glob.ts'

test.each([
  ['main', 'main', true],
  ['main', 'mainline', false],
  ['release/*', 'release/1.0', true],
  ['release/*', 'release/1.0/hotfix', true],
  ['release/*', 'release/', true],
  ['release/*', 'releases/1', false],
  ['*-wip', 'feature/a-wip', true],
  ['v?.?', 'v1.2', true],
  ['v?.?', 'v1.20', false],
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['a*b*c', 'aXbXbXc', true],
  ['a*b*c', 'aXbX', false],
  ['[ab]', 'a', false],
])('%j fits %j: %s', (glob, text, expected) => {
  const fits = matchesGlob(glob, text)

  expect(fits).toBe(expected)
})

test('any pattern means what the same regular expression means', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
  const texts = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })

  fc.assert(
    fc.property(letters, texts, (glob, text) => {
      const meaning = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)

      expect(matchesGlob(glob, text)).toBe(meaning.test(text))
    }),
    { numRuns: 2000 },
  )
})

test('a hostile pattern costs no time', () => {
  const glob = '*a'.repeat(120)

  const fits = matchesGlob(glob, 'a'.repeat(119))

  expect(fits).toBe(false)
})
