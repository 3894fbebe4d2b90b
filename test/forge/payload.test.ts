import { describe, expect, it } from 'vitest'
import { forgeByName, hexHmac, requestOf, SHA_1, SHA_2 } from './request.ts'

const PUSH = `{"ref":"refs/heads/main","before":"${SHA_1}","after":"${SHA_2}"}`
const FORM = 'application/x-www-form-urlencoded'

const READERS = [
  ['github', { 'x-github-event': 'push' }],
  ['gitea', { 'x-gitea-event': 'push' }],
] as const

describe.each(READERS)('a body for %s', (name, event) => {
  const parse = (contentType: string, body: string | Uint8Array) =>
    forgeByName(name).parse(requestOf({ body, headers: { ...event, 'content-type': contentType } }))

  it.each([
    ['application/json', PUSH],
    ['Application/JSON; Charset="UTF-8"', PUSH],
    ['application/json;charset=utf8;boundary=x', PUSH],
    ['application/vnd.github+json', PUSH],
    ['application/json', `\ufeff${PUSH}`],
    ['application/json', `\r\n\t${PUSH}\r\n`],
    [FORM, `payload=${encodeURIComponent(PUSH)}`],
    [`${FORM}; charset=utf-8`, `a=b&payload=${encodeURIComponent(PUSH).replaceAll('%20', '+')}&c=%zz`],
    [FORM, `payload=%EF%BB%BF${encodeURIComponent(PUSH)}`],
  ])('is read as %s', (contentType, body) => {
    const parsed = parse(contentType, body)

    expect(parsed).toMatchObject({ kind: 'changes', changes: [{ ref: 'refs/heads/main', after: SHA_2 }] })
    expect('payload' in parsed && parsed.payload.trim()).toBe(PUSH)
  })

  it.each([
    '',
    'text/plain',
    'text/html',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonp',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
    'application/octet-stream',
    'json',
    '\u0000',
    'x'.repeat(1_000_000),
  ])('of another type is refused (%#)', (contentType) => {
    const parsed = parse(contentType, PUSH)

    expect(parsed).toEqual({ kind: 'unsupported_type', contentType: contentType.slice(0, 100) })
  })

  it.each<[string, string | Uint8Array]>([
    ['application/json', ''],
    ['application/json', 'null'],
    ['application/json', '[]'],
    ['application/json', '"push"'],
    ['application/json', '{"ref":'],
    ['application/json', `${PUSH}${PUSH}`],
    ['application/json', `\ufeff\ufeff${PUSH}`],
    ['application/json', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['application/json', Buffer.from(PUSH, 'utf16le')],
    ['application/json', '['.repeat(1_000_000)],
    ['application/json', `${'{"a":'.repeat(100_000)}1`],
    [FORM, ''],
    [FORM, 'payload'],
    [FORM, 'payload='],
    [FORM, 'payload=%'],
    [FORM, 'payload=%FF'],
    [FORM, 'other=1'],
    [FORM, PUSH],
    [FORM, `payload=${encodeURIComponent(PUSH)}&payload=${encodeURIComponent(PUSH)}`],
    [FORM, Buffer.from([0x70, 0xff])],
  ])('that cannot be read as %s is malformed (%#)', (contentType, body) => {
    const parsed = parse(contentType, body)

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })

  it('takes the last of two equal keys', () => {
    const parsed = parse('application/json', `{"ref":"refs/heads/a",${PUSH.slice(1)}`)

    expect(parsed).toMatchObject({ changes: [{ ref: 'refs/heads/main' }] })
  })

  it('cannot reach a prototype', () => {
    const hostile = '"__proto__":{"polluted":1,"ref":"x"},"constructor":{"prototype":{"polluted":1}}'
    const body = `{${hostile},"repository":{${hostile},"__proto__":null},${PUSH.slice(1)}`

    const parsed = parse('application/json', body)

    expect(parsed).toMatchObject({ kind: 'changes', repository: { fullName: null } })
    expect('polluted' in {}).toBe(false)
    expect('polluted' in parsed).toBe(false)
  })

  it('with a million levels below a key nobody asks for is read', () => {
    const deep = `{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},${PUSH.slice(1)}`

    const parsed = parse('application/json', deep)

    expect(parsed).toMatchObject({ kind: 'changes' })
  })
})

describe('a payload in the query', () => {
  const gitea = forgeByName('gitea')
  const headers = { 'x-gitea-event': 'push', 'x-gitea-signature': hexHmac('key', PUSH) }

  it('counts, and the body does not', async () => {
    const search = new URLSearchParams({ payload: PUSH }).toString()
    const request = requestOf({ method: 'GET', search, headers, body: '{"ref":"refs/heads/other"}' })

    const parsed = gitea.parse(request)

    expect(parsed).toMatchObject({ changes: [{ ref: 'refs/heads/main' }] })
    expect(await gitea.verify(request, ['key'], 0)).toBe('verified')
  })

  it.each(['', 'payload=', 'payload=1', `payload=${encodeURIComponent(PUSH)}&payload=x`])(
    'is malformed as ?%s',
    (search) => {
      const parsed = gitea.parse(requestOf({ method: 'GET', search, headers }))

      expect(parsed).toMatchObject({ kind: 'malformed' })
    },
  )

  it('that is there twice is not verified', async () => {
    const one = `payload=${encodeURIComponent(PUSH)}`

    const signature = await gitea.verify(
      requestOf({ method: 'GET', search: `${one}&${one}`, headers }),
      ['key'],
      0,
    )

    expect(signature).toBe('invalid')
  })

  it('is not looked at when the request is a POST', () => {
    const search = new URLSearchParams({ payload: PUSH }).toString()

    const parsed = gitea.parse(requestOf({ search, headers, body: '[]' }))

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })
})
