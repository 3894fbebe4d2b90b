import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FLUSH, packet, textPacket } from '../../../src/git/wire/pkt-line.ts'
import type { UpdateReport } from '../../../src/git/wire/receive-pack.ts'
import { createReportReader, requireUnmoved, updateRequest } from '../../../src/git/wire/receive-pack.ts'
import { WireError } from '../../../src/git/wire/wire-error.ts'
import { refName } from '../../rig/git-world.ts'
import { shaOf } from '../../rig/repository.ts'
import { cuts, inPieces } from './pieces.ts'

const MAIN = refName('refs/heads/main')

function band(number: number, payload: Buffer | string): Buffer {
  return packet(Buffer.concat([Buffer.of(number), Buffer.from(payload)]))
}

/** A report in the way git sends it: packets inside of packets, and both have an end. */
function answerOf(...lines: readonly string[]): Buffer {
  return Buffer.concat([band(1, Buffer.concat([...lines.map((line) => textPacket(line)), FLUSH])), FLUSH])
}

function read(pieces: readonly Buffer[]): UpdateReport {
  const reader = createReportReader()
  for (const piece of pieces) reader.take(piece)
  return reader.end(MAIN)
}

test('the request moves one ref from one commit to another', () => {
  const before = shaOf('a'.repeat(40))
  const after = shaOf('b'.repeat(40))

  const request = updateRequest({ ref: MAIN, before, after })

  expect(request.toString()).toBe(`0082${before} ${after} refs/heads/main\0 report-status side-band-64k0000`)
})

test('a ref counts as moved when the server says so to the end, in whatever pieces', () => {
  fc.assert(
    fc.property(cuts(), cuts(), fc.string(), (outer, inner, message) => {
      const report = Buffer.concat([textPacket('unpack ok'), textPacket('ok refs/heads/main'), FLUSH])
      const parts = inPieces(report, inner).map((part) => band(1, part))
      const answer = Buffer.concat([band(2, message), ...parts, band(2, message), FLUSH])

      expect(read(inPieces(answer, outer))).toEqual({ isDone: true })
    }),
  )
})

test.each([
  [
    'a refusal',
    answerOf('unpack ok', 'ng refs/heads/main pre-receive hook declined'),
    'ng refs/heads/main pre-receive hook declined',
  ],
  [
    'a broken pack',
    answerOf('unpack index-pack abnormal exit', 'ng refs/heads/main unpacker error'),
    'unpack index-pack abnormal exit; ng refs/heads/main unpacker error',
  ],
  [
    'a failed unpack that claims success',
    answerOf('unpack error', 'ok refs/heads/main'),
    'unpack error; ok refs/heads/main',
  ],
  ['another ref', answerOf('unpack ok', 'ok refs/heads/other'), 'ok refs/heads/other'],
  ['a longer name', answerOf('unpack ok', 'ok refs/heads/main2'), 'ok refs/heads/main2'],
  ['no ref', answerOf('unpack ok'), ''],
  [
    'two refs',
    answerOf('unpack ok', 'ok refs/heads/main', 'ok refs/heads/main'),
    'ok refs/heads/main; ok refs/heads/main',
  ],
])('%s is not taken for success', (_, answer, reason) => {
  const report = read([answer])

  expect(report).toEqual({ isDone: false, reason })
})

test('the words of a hook stand beside the refusal', () => {
  const answer = Buffer.concat([
    band(2, 'error: GH006: Protected branch\n'),
    answerOf('unpack ok', 'ng refs/heads/main pre-receive hook declined'),
  ])

  const report = read([answer])

  expect(report).toEqual({
    isDone: false,
    reason: 'ng refs/heads/main pre-receive hook declined: error: GH006: Protected branch',
  })
})

test.each([
  ['nothing', Buffer.alloc(0), /not said what became/],
  ['an end at once', FLUSH, /not said what became/],
  ['half a report', band(1, textPacket('unpack ok')), /not said what became/],
  [
    'a report without its end',
    Buffer.concat([
      band(1, Buffer.concat([textPacket('unpack ok'), textPacket('ok refs/heads/main')])),
      FLUSH,
    ]),
    /not said what became/,
  ],
  ['a cut packet', answerOf('unpack ok', 'ok refs/heads/main').subarray(0, 20), /middle of a packet/],
  ['a page', Buffer.from('<html>'), /is not the length/],
  [
    'a flood',
    answerOf(...Array.from({ length: 200 }, (_, line) => `ng refs/heads/${line} no`)),
    /longer than/,
  ],
])('%s says nothing about the ref', (_, answer, message) => {
  expect(() => read([answer])).toThrow(message)
})

test('a server that gives up is quoted', () => {
  expect(() => read([band(3, 'fatal: early EOF')])).toThrow(new WireError('refused', 'fatal: early EOF'))
})

const BEFORE = shaOf('a'.repeat(40))
const CAPABLE = 'report-status delete-refs side-band-64k'

/** What a server says before it takes anything. */
function advertise(...lines: readonly string[]): Buffer {
  return Buffer.concat([...lines.map((line) => textPacket(line)), FLUSH])
}

async function look(bytes: Buffer, sizes: readonly number[] = []): Promise<string> {
  async function* body(): AsyncGenerator<Buffer> {
    yield* inPieces(bytes, sizes)
  }
  const update = { ref: MAIN, before: BEFORE, after: shaOf('b'.repeat(40)) }
  return requireUnmoved(body(), update).then(
    () => 'unmoved',
    (error: unknown) => (error instanceof WireError ? error.kind : String(error)),
  )
}

test('a server that shows the ref as it was may be sent the update, in whatever pieces it says so', async () => {
  const other = `${'c'.repeat(40)} refs/heads/a\0${CAPABLE} object-format=sha1`
  const shown = advertise(other, `${BEFORE} ${MAIN}`, `${'d'.repeat(40)} refs/heads/main2`)
  const alone = advertise(`${BEFORE} ${MAIN}\0${CAPABLE}`)

  await fc.assert(
    fc.asyncProperty(cuts(), async (sizes) => {
      expect([await look(shown, sizes), await look(alone, sizes)]).toEqual(['unmoved', 'unmoved'])
    }),
  )
})

test.each([
  ['another commit', 'refused', advertise(`${'c'.repeat(40)} ${MAIN}\0${CAPABLE}`)],
  ['no such ref', 'refused', advertise(`${BEFORE} refs/heads/main2\0${CAPABLE}`)],
  ['no ref at all', 'refused', advertise(`${'0'.repeat(40)} capabilities^{}\0${CAPABLE}`)],
  ['no side bands', 'malformed', advertise(`${BEFORE} ${MAIN}\0report-status`)],
  ['nothing', 'malformed', FLUSH],
  [
    'names of the other kind',
    'object_format',
    advertise(`${BEFORE} ${MAIN}\0${CAPABLE} object-format=sha256`),
  ],
  ['an error', 'refused', textPacket('ERR go away')],
] as const)('a server that shows %s is sent nothing', async (_, kind, bytes) => {
  expect(await look(bytes)).toBe(kind)
})
