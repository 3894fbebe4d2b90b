import { expect, test } from 'vitest'
import { judgeLink, usableHeaders } from '../../src/git/lfs-link.ts'
import type { LinkSource } from '../../src/git/lfs-link.ts'

const PUBLIC = ['198.51.100.7']
const INSIDE = ['10.0.0.7']

test.each<[LinkSource['scheme'], readonly string[], string, string]>([
  ['https', PUBLIC, 'https://forge.example/o', 'any'],
  ['https', PUBLIC, 'https://storage.example/o', 'public'],
  ['https', PUBLIC, 'https://storage.example:8443/o', 'public'],
  ['https', PUBLIC, 'http://forge.example/o', 'refused'],
  ['https', INSIDE, 'https://storage.example/o', 'any'],
  ['https', INSIDE, 'http://storage.example/o', 'refused'],
  ['http', INSIDE, 'http://storage.example:9000/o', 'any'],
  ['http', PUBLIC, 'http://10.0.0.9/o', 'public'],
  ['ssh', PUBLIC, 'https://forge.example/o', 'any'],
  ['ssh', PUBLIC, 'https://lfs.example/o', 'public'],
  ['ssh', INSIDE, 'http://forge.example/o', 'private'],
  ['https', PUBLIC, 'https://forge.example:25/o', 'refused'],
  ['https', PUBLIC, 'https://ada@storage.example/o', 'refused'],
  ['https', PUBLIC, 'ftp://storage.example/o', 'refused'],
  ['https', PUBLIC, '//', 'refused'],
])('a forge over %s at %j may lead to %s: %s', (scheme, addresses, href, expected) => {
  const source = { scheme, host: 'forge.example', addresses }

  const judged = judgeLink(href, undefined, source)

  expect('refused' in judged ? 'refused' : (judged.network ?? 'any')).toBe(expected)
})

test('of the headers of a link those of the connection are left out', () => {
  const headers = usableHeaders({
    Authorization: 'Bearer x',
    'X-Amz-Date': '20260131T120000Z',
    Host: 'elsewhere',
    'Content-Length': '1',
    'Transfer-Encoding': 'chunked',
    'Proxy-Authorization': 'x',
    'bad name': 'x',
    'x-split': 'a\r\nb: c',
  })

  expect(headers).toEqual({ authorization: 'Bearer x', 'x-amz-date': '20260131T120000Z' })
})
