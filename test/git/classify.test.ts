import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classify, classifyRef } from '../../src/git/classify.ts'
import { canHeal } from '../../src/git/git-error.ts'
import { collectMessages, readLines } from '../../src/git/output.ts'
import { CORPUS } from './error-corpus.ts'

const FAILURES = CORPUS.flatMap(({ kind, source, reason, stderr }) =>
  reason === undefined ? [[kind, source, stderr] as const] : [],
)
const REFUSALS = CORPUS.flatMap(({ kind, source, reason, stderr, ref }) =>
  reason === undefined ? [] : [[kind, source, reason, stderr, ref] as const],
)

test.each(FAILURES)('%s is recognised in what %s prints: %j', (kind, _, stderr) => {
  expect(classify(stderr, 128)).toBe(kind)
})

test.each(REFUSALS)(
  '%s is recognised in a refusal of %s for "%s" beside %j',
  (kind, _, reason, stderr, ref) => {
    expect(classifyRef(reason, stderr, ref)).toBe(kind)
  },
)

test('the name of the ref is not needed where a push carries one ref', () => {
  const single = REFUSALS.filter(([, source]) => !/several|another/.test(source))

  const kinds = single.map(([, , reason, stderr]) => classifyRef(reason, stderr))

  expect(kinds.filter((kind, index) => kind !== single[index]?.[0])).toEqual([])
})

test('whatever is printed has a kind, and no message changes what is known of it', () => {
  const pieces = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...CORPUS.flatMap(({ reason = '', stderr }) => [reason, ...stderr.split('\n')])),
    fc.constantFrom('remote: ', 'refs/heads/', '\n', "'", ' ! ', '\u2028'),
  )

  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 20 }),
      fc.string(),
      fc.integer({ min: 0, max: 255 }),
      (parts, ref, exitCode) => {
        const text = parts.join('')
        const kinds = [classify(text, exitCode), classifyRef(text, text), classifyRef(text, text, ref)]
        expect(kinds.map(canHeal).every((heals) => typeof heals === 'boolean')).toBe(true)
      },
    ),
  )
})

test('a message as long as they may get is judged quickly, whatever it repeats', () => {
  const starts = new Set(
    CORPUS.flatMap(({ reason = '', stderr }) =>
      [reason, ...stderr.split('\n')].map((line) => line.replace(/^remote:\s*/, '').slice(0, 16)),
    ),
  )
  const messages = [...starts].map((start) => `remote: ${`${start} `.repeat(4000)}`.slice(0, 999))
  const longest = (line: string): string => `${line}\n`.repeat(65)

  const start = performance.now()
  for (const line of messages) classifyRef(line, longest(line), 'refs/heads/main')
  const perMessage = (performance.now() - start) / messages.length

  expect(messages.length).toBeGreaterThan(200)
  expect(perMessage).toBeLessThan(500)
})

test('lines come out whole, however they arrive', () => {
  const texts = fc.array(
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll('\n', ' ')),
  )

  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 7 }), (lines, size) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      const seen: string[] = []
      const reader = readLines((line) => void seen.push(line))
      for (let start = 0; start < bytes.length; start += size)
        reader.write(bytes.subarray(start, start + size))
      reader.end()
      expect(seen).toEqual(lines.map((line) => Buffer.from(line).toString()))
    }),
  )
})

test('of a flood of messages the end is kept, and progress is not among them', () => {
  const progress: string[] = []
  const messages = collectMessages(['s3cret'], (text) => void progress.push(text))

  messages.write(Buffer.from('Receiving objects:  50% (1/2)\rReceiving objects: 100% (2/2) s3cret, done.\n'))
  for (let index = 0; index < 20_000; index += 1) messages.write(Buffer.from(`remote: line ${index}\n`))
  messages.write(Buffer.from('fatal: s3cret\u001b[31m is wrong'))
  messages.end()

  expect(progress).toEqual(['Receiving objects:  50% (1/2)', 'Receiving objects: 100% (2/2) ***, done.'])
  expect(messages.clean().length).toBeLessThanOrEqual(64 * 1024)
  expect(messages.clean().endsWith('remote: line 19999\nfatal: *** is wrong')).toBe(true)
})
