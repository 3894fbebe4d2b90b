import { expect, test } from 'vitest'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ApiClientDeps, ApiRequest } from '../../src/forge/api-client.ts'
import { createTestClock } from '../rig/clock.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { Fault } from '../rig/fake-forge.ts'

const TOKEN = 'token-that-nobody-may-see'

test('a request carries its header, query and JSON body, and gives the parsed answer', async () => {
  await using forge = await startFakeForge(() => ({
    status: 201,
    headers: { link: '<next>' },
    json: { id: 7 },
  }))

  const outcome = await call(`${forge.origin}/api/hooks?page=1`, {
    method: 'POST',
    query: { per_page: '100' },
    body: { name: '镜像' },
  })

  expect(outcome).toMatchObject({ ok: true, value: { status: 201, json: { id: 7 } } })
  expect(outcome.ok && outcome.value.headers.get('link')).toBe('<next>')
  expect(forge.requests).toHaveLength(1)
  const [request] = forge.requests
  expect(request).toMatchObject({ method: 'POST', path: '/api/hooks', body: '{"name":"镜像"}' })
  expect(request?.headers).toMatchObject({ authorization: TOKEN, 'content-type': 'application/json' })
  expect(String(request?.query)).toBe('page=1&per_page=100')
})

test('an answer without a body is a success without JSON, and leaves no timer', async () => {
  const clock = createTestClock()
  await using forge = await startFakeForge(() => ({ status: 204 }))

  const outcome = await call(forge.origin, { method: 'DELETE' }, { clock })

  expect(clock.pendingTimers()).toBe(0)
  expect(outcome).toMatchObject({ ok: true, value: { status: 204, json: undefined } })
})

const faults: readonly (readonly [name: string, fault: Fault, failure: unknown])[] = [
  [
    '401',
    { status: 401, json: { message: 'Bad credentials' } },
    { kind: 'unauthorized', detail: 'the forge answered 401: Bad credentials' },
  ],
  ['403', { status: 403, json: { error: 'insufficient_scope' } }, { kind: 'forbidden', retryAfterMs: null }],
  [
    '403 of a spent limit',
    { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1769860830' } },
    { kind: 'rate_limited', retryAfterMs: 30_000 },
  ],
  [
    '403 of a secondary limit',
    { status: 403, headers: { 'retry-after': '60' } },
    { kind: 'rate_limited', retryAfterMs: 60_000 },
  ],
  ['404', { status: 404, json: { message: '404 Project Not Found' } }, { kind: 'not_found' }],
  ['410', { status: 410 }, { kind: 'not_found', detail: 'the forge answered 410' }],
  [
    '422',
    {
      status: 422,
      json: { message: 'Validation Failed', errors: [{ resource: 'Hook', message: 'Hook already exists' }] },
    },
    { kind: 'refused', detail: 'the forge answered 422: Validation Failed; Hook already exists' },
  ],
  [
    '400 with problems by field',
    {
      status: 400,
      json: { message: { url: ['is blocked: Requests to the local network are not allowed'] } },
    },
    {
      kind: 'refused',
      detail: 'the forge answered 400: url is blocked: Requests to the local network are not allowed',
    },
  ],
  ['429', { status: 429, headers: { 'retry-after': '7' } }, { kind: 'rate_limited', retryAfterMs: 7000 }],
  [
    '429 until a date',
    { status: 429, headers: { 'retry-after': 'Sat, 31 Jan 2026 12:02:00 GMT' } },
    { kind: 'rate_limited', retryAfterMs: 120_000 },
  ],
  [
    '429 until a moment',
    { status: 429, headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '1769860860' } },
    { kind: 'rate_limited', retryAfterMs: 60_000 },
  ],
  [
    '429 without a word',
    { status: 429, headers: { 'retry-after': 'soon' } },
    { kind: 'rate_limited', retryAfterMs: null },
  ],
  [
    '500',
    { status: 500, text: '<html>oops</html>' },
    { kind: 'server_error', detail: 'the forge answered 500' },
  ],
  ['503', { status: 503, headers: { 'retry-after': '9' } }, { kind: 'server_error', retryAfterMs: 9000 }],
  ['an HTML page', { status: 200, text: '<html>Sign in</html>' }, { kind: 'unexpected' }],
  ['half of a JSON text', { status: 200, text: '[{"id":1' }, { kind: 'unexpected' }],
  ['an endless answer', { status: 200, text: `"${'x'.repeat(2_000_000)}"` }, { kind: 'unexpected' }],
  [
    'a message with the token in it',
    { status: 401, json: { message: `${TOKEN}\nis no token` } },
    { detail: 'the forge answered 401: *** is no token' },
  ],
]

test.for(faults)('%s is a typed failure', async ([, fault, failure]) => {
  await using forge = await startFakeForge(() => ({ status: 200 }))
  forge.failWith(fault)

  const outcome = await call(forge.origin)

  expect(outcome).toMatchObject({ ok: false, failure })
  expect(JSON.stringify(outcome)).not.toContain(TOKEN)
})

test('a redirect is told and not followed', async () => {
  await using other = await startFakeForge(() => ({ status: 200, json: {} }))
  await using forge = await startFakeForge(() => ({
    status: 301,
    headers: { location: `${other.origin}/repositories/7?x=1` },
  }))

  const outcome = await call(forge.origin)

  const detail = `the forge answered 301: it has moved to ${other.origin}/repositories/7, which is not followed`
  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unexpected', detail } })
  expect(other.requests).toEqual([])
})

test('a forge that does not answer is unreachable when the limit has passed', async () => {
  const clock = createTestClock()
  await using forge = await startFakeForge(() => {
    clock.advance(10_000)
    return { status: 200, text: '' }
  })

  const outcome = await call(forge.origin, {}, { clock })

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(!outcome.ok && outcome.failure.detail).toMatch(/took longer than 10000 ms$/)
  expect(clock.pendingTimers()).toBe(0)
})

test('a call ends when the daemon stops', async () => {
  const stopping = new AbortController()
  await using forge = await startFakeForge(() => {
    stopping.abort()
    return { status: 200 }
  })

  const outcome = await call(forge.origin, {}, { signal: stopping.signal })

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
})

test('a port where nobody listens is unreachable', async () => {
  const forge = await startFakeForge(() => ({ status: 200 }))
  await forge[Symbol.asyncDispose]()

  const outcome = await call(forge.origin)

  const detail = `${new URL(forge.origin).host} cannot be reached: ECONNREFUSED`
  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable', detail } })
})

test('a name is looked up once, and every address of it must be allowed', async () => {
  await using forge = await startFakeForge(() => ({ status: 200 }))
  const asked: string[] = []
  const lookup = (host: string) => {
    asked.push(host)
    return Promise.resolve(['127.0.0.1', '169.254.169.254'])
  }
  const url = forge.origin.replace('127.0.0.1', 'git.example.com')

  const refused = await call(url, {}, { lookup, allowAddress: (_, ip) => ip !== '169.254.169.254' })
  const allowed = await call(url, {}, { lookup })

  expect(refused).toMatchObject({
    ok: false,
    failure: { kind: 'unreachable', detail: 'git.example.com may not be contacted' },
  })
  expect(allowed).toMatchObject({ ok: true })
  expect(asked).toEqual(['git.example.com', 'git.example.com'])
  expect(forge.requests).toHaveLength(1)
})

test('an address that is not allowed is not contacted when it stands in the URL itself', async () => {
  await using forge = await startFakeForge(() => ({ status: 200 }))

  const outcome = await call(forge.origin, {}, { allowAddress: () => false })

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(forge.requests).toEqual([])
})

test.for(['ftp://host/api', 'https://user:secret@host/api', 'host/api', 'file:///etc/passwd'])(
  '%s is refused without a look',
  async (url) => {
    const outcome = await call(url, {}, { lookup: () => Promise.reject(new Error('asked')) })

    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'refused' } })
  },
)

function call(url: string, request: Partial<ApiRequest> = {}, deps: Partial<ApiClientDeps> = {}) {
  const client = createApiClient({
    clock: createTestClock(),
    allowAddress: () => true,
    timeoutMs: 10_000,
    ...deps,
  })
  return client.request({
    method: 'GET',
    url,
    headers: { authorization: TOKEN },
    secrets: [TOKEN],
    ...request,
  })
}

test('an id that is too large for a number keeps all its digits', async () => {
  await using forge = await startFakeForge(() => ({
    status: 200,
    text: '[{"id":9223372036854775807,"duration":0.25,"size":9007199254740991}]',
  }))

  const outcome = await call(forge.origin)

  const json = [{ id: '9223372036854775807', duration: 0.25, size: 9007199254740991 }]
  expect(outcome).toMatchObject({ ok: true, value: { json } })
})
