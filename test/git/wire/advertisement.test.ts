import { expect, test } from 'vitest'
import { parseAdvertisement } from '../../../src/git/wire/advertisement.ts'
import { FLUSH, textPacket } from '../../../src/git/wire/pkt-line.ts'

function answerOf(...lines: readonly string[]): Buffer {
  return Buffer.concat([...lines.map((line) => textPacket(line)), FLUSH])
}

const GIT_2_39 = [
  'version 2',
  'agent=git/2.39.5',
  'ls-refs=unborn',
  'fetch=shallow wait-for-done',
  'server-option',
]

test.each([
  [
    'a git server',
    answerOf(...GIT_2_39, 'object-format=sha1'),
    { speaksVersion2: true, objectFormat: 'sha1' },
  ],
  [
    'one of before object formats',
    answerOf('version 2', 'ls-refs', 'fetch'),
    { speaksVersion2: true, objectFormat: 'sha1' },
  ],
  [
    'one with the other format',
    answerOf(...GIT_2_39, 'object-format=sha256'),
    { speaksVersion2: true, objectFormat: 'sha256' },
  ],
  [
    'one that names the service first',
    Buffer.concat([answerOf('# service=git-upload-pack'), answerOf(...GIT_2_39)]),
    { speaksVersion2: true, objectFormat: 'sha1' },
  ],
  [
    'one that can only list',
    answerOf('version 2', 'ls-refs'),
    { speaksVersion2: false, objectFormat: 'sha1' },
  ],
  [
    'one of version 1',
    answerOf('version 1', `${'a'.repeat(40)} HEAD`),
    { speaksVersion2: false, objectFormat: 'sha1' },
  ],
  [
    'one of version 0',
    Buffer.concat([answerOf('# service=git-upload-pack'), answerOf(`${'a'.repeat(40)} HEAD\0multi_ack`)]),
    { speaksVersion2: false, objectFormat: 'sha1' },
  ],
  [
    'the beginning of a long list of version 0',
    answerOf(`${'a'.repeat(40)} HEAD\0multi_ack`).subarray(0, 70),
    { speaksVersion2: false, objectFormat: 'sha1' },
  ],
])('%s is understood', (_, answer, expected) => {
  expect(parseAdvertisement(answer)).toEqual(expected)
})

test.each([
  ['a page', Buffer.from('<html>'), /is not the length/],
  ['half a list', answerOf(...GIT_2_39).subarray(0, -4), /has no end/],
])('%s is an error', (_, answer, message) => {
  expect(() => parseAdvertisement(answer)).toThrow(message)
})
