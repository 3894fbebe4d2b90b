import { expect, it } from 'vitest'
import { readPointer } from '../../src/forge/json-pointer.ts'

// The document of RFC 6901, section 5, and what lies beyond it.
const DOCUMENT: unknown = JSON.parse(
  '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8,"__proto__":9}',
)

it.each([
  ['', DOCUMENT],
  ['/foo', ['bar', 'baz']],
  ['/foo/0', 'bar'],
  ['/', 0],
  ['/a~1b', 1],
  ['/c%d', 2],
  ['/e^f', 3],
  ['/g|h', 4],
  ['/i\\j', 5],
  ['/k"l', 6],
  ['/ ', 7],
  ['/m~0n', 8],
  ['/__proto__', 9],
  ['/m~01n', undefined],
  ['/foo/2', undefined],
  ['/foo/0/0', undefined],
  ['/foo/__proto__', undefined],
  ['/toString', undefined],
  ['/constructor', undefined],
])('the JSON pointer %j finds what is in the document and nothing else', (pointer, value) => {
  const found = readPointer(DOCUMENT, pointer)

  expect(found).toEqual(value)
})
