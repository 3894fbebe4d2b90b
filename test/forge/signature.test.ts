import { describe, expect, it, test } from 'vitest'
import type { ForgeName } from '../../src/forge/forge.ts'
import { FORGE_NAMES } from '../../src/forge/forge.ts'
import { isBase64Hmac, isHexHmac, isSecret } from '../../src/forge/signature.ts'
import { pushFrom, toWebhookRequest } from '../rig/deliveries.ts'
import type { SentPush } from '../rig/deliveries.ts'
import { forgeByName, hexHmac, REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const SECRET = 'correct horse battery staple'
const NOW = Date.parse('2026-05-15T12:00:00Z')
const PUSH: SentPush = {
  repository: REPOSITORY,
  ref: 'refs/heads/main',
  before: SHA_1,
  after: SHA_2,
  secret: SECRET,
}

const HMAC_HEADERS: readonly (readonly [ForgeName, string, string])[] = [
  ['github', 'x-hub-signature-256', 'sha256='],
  ['gitea', 'x-gitea-signature', ''],
  ['gitea', 'x-hub-signature-256', 'sha256='],
  ['forgejo', 'x-forgejo-signature', ''],
  ['gogs', 'x-gogs-signature', ''],
  ['gitlink', 'x-gitea-signature', ''],
  ['bitbucket', 'x-hub-signature', 'sha256='],
  ['bitbucket-server', 'x-hub-signature', 'sha256='],
]

test('the signature of the GitHub documentation verifies', async () => {
  const request = requestOf({
    body: 'Hello, World!',
    headers: {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    },
  })

  const signature = await forgeByName('github').verify(request, ["It's a Secret to Everybody"], NOW)

  expect(signature).toBe('verified')
})

test('the signature of the Standard Webhooks documentation verifies', async () => {
  const request = requestOf({
    body: '{"test": 2432232314}',
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
  })

  const signature = await forgeByName('gitlab').verify(
    request,
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    1614265330_000,
  )

  expect(signature).toBe('verified')
})

test('what an empty secret would make is never right', () => {
  const hex = hexHmac('', 'content')

  const judged = [
    isHexHmac(hex, 'content', ['']),
    isBase64Hmac([Buffer.from(hex, 'hex').toString('base64')], ['content'], [Buffer.of()]),
    isSecret(Buffer.of(), ['']),
  ]

  expect(judged).toEqual([false, false, false])
})

describe.each(FORGE_NAMES)('a push from %s', (name) => {
  const forge = forgeByName(name)

  it('verifies with its secret, also when that is one of several', async () => {
    const request = toWebhookRequest(pushFrom(name, PUSH))

    const signature = await forge.verify(request, ['another', SECRET], NOW)

    expect(signature).toBe('verified')
  })

  it.each([[['wrong']], [['']], [[]]])('is refused when the secrets are %j', async (secrets) => {
    const request = toWebhookRequest(pushFrom(name, PUSH))

    const signature = await forge.verify(request, secrets, NOW)

    expect(signature).toBe('invalid')
  })

  it('is unsigned when the forge knows no secret, whatever is configured here', async () => {
    const { secret: _, ...unsigned } = PUSH
    const request = toWebhookRequest(pushFrom(name, unsigned))

    const signatures = await Promise.all([
      forge.verify(request, [], NOW),
      forge.verify(request, [''], NOW),
      forge.verify(request, [SECRET], NOW),
    ])

    expect(signatures).toEqual(['none', 'none', 'none'])
  })
})

describe.each(HMAC_HEADERS)('%s with a signature in %s', (name, header, prefix) => {
  const forge = forgeByName(name)
  const body = '{"ref": "refs/heads/main"}\r\n'

  it.each([1, 31, 33, 62, 63, 65, 128, 1_000_000])('refuses one of %d characters', async (length) => {
    const values = ['a', '\u00e9', ' ', ','].map((character) => character.repeat(length))
    const requests = values.flatMap((value) => [
      requestOf({ body, headers: { [header]: value } }),
      requestOf({ body, headers: { [header]: `${prefix}${value}` } }),
    ])

    const signatures = await Promise.all(requests.map((request) => forge.verify(request, [SECRET], NOW)))

    expect(new Set(signatures)).toEqual(new Set(['invalid']))
  })

  it('counts an empty one as none', async () => {
    const request = requestOf({ body, headers: { [header]: '' } })

    const signature = await forge.verify(request, [SECRET], NOW)

    expect(signature).toBe('none')
  })

  it('refuses two in one header, even when both are right', async () => {
    const right = `${prefix}${hexHmac(SECRET, body)}`
    const request = requestOf({ body, headers: { [header]: `${right}, ${right}` } })

    const signature = await forge.verify(request, [SECRET], NOW)

    expect(signature).toBe('invalid')
  })

  it.each([
    ['odd spacing', '{ "ref" :\t"refs/heads/main" }'],
    ['escapes', '{"ref":"refs/heads/\\u00e9"}'],
    ['a key twice', '{"ref":"a","ref":"b"}'],
    ['a byte-order mark', '\ufeff{"ref":"a"}'],
    ['other line ends', '{\r\n"ref":"a"\r\n}\r\n'],
    ['nothing', ''],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ])('checks the received bytes: %s', async (_, bytes) => {
    const request = requestOf({ body: bytes, headers: { [header]: `${prefix}${hexHmac(SECRET, bytes)}` } })

    const signature = await forge.verify(request, [SECRET], NOW)

    expect(signature).toBe('verified')
  })

  it('refuses a body that was changed by one byte', async () => {
    const request = requestOf({
      body: body.replace('main', 'maim'),
      headers: { [header]: `${prefix}${hexHmac(SECRET, body)}` },
    })

    const signature = await forge.verify(request, [SECRET], NOW)

    expect(signature).toBe('invalid')
  })

  it('is not content with a right sha1 signature', async () => {
    const old = { 'x-hub-signature': `sha1=${hexHmac(SECRET, body, 'sha1')}` }
    const alone = requestOf({ body, headers: old })
    const besideWrong = requestOf({ body, headers: { ...old, [header]: `${prefix}${'0'.repeat(64)}` } })

    const signatures = await Promise.all([
      forge.verify(alone, [SECRET], NOW),
      forge.verify(besideWrong, [SECRET], NOW),
    ])

    expect(signatures).toEqual(['invalid', 'invalid'])
  })
})

test('GitHub calls an empty sha256= a signature, and refuses it', async () => {
  const request = requestOf({ body: '{}', headers: { 'x-hub-signature-256': 'sha256=' } })

  const signature = await forgeByName('github').verify(request, [SECRET], NOW)

  expect(signature).toBe('invalid')
})

test('Gitea must be right in every signature header that it fills', async () => {
  const right = hexHmac(SECRET, '{}')
  const request = requestOf({
    body: '{}',
    headers: { 'x-gitea-signature': right, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` },
  })

  const signature = await forgeByName('gitea').verify(request, [SECRET], NOW)

  expect(signature).toBe('invalid')
})

describe('a GitLab signing token', () => {
  const gitlab = forgeByName('gitlab')
  const KEY = `whsec_${Buffer.from('a key of thirty-two bytes, nearly').toString('base64')}`
  const sent = pushFrom('gitlab', { ...PUSH, secret: KEY, sentAt: NOW })
  const request = (headers: Readonly<Record<string, string>>) =>
    toWebhookRequest({ ...sent, headers: { ...sent.headers, ...headers } })
  const good = sent.headers['webhook-signature'] ?? ''

  it.each([-300_000, 0, 300_000])('verifies %d ms after it was sent', async (age) => {
    const signature = await gitlab.verify(request({}), [KEY], NOW + age)

    expect(signature).toBe('verified')
  })

  it.each([-301_000, 301_000, 86_400_000])('is refused %d ms after it was sent', async (age) => {
    const signature = await gitlab.verify(request({}), [KEY], NOW + age)

    expect(signature).toBe('invalid')
  })

  it('verifies when it is one signature of a list', async () => {
    const list = `v1,${'A'.repeat(43)}= v2,whatever v1a,${good.slice(3)} ${good}`

    const signature = await gitlab.verify(request({ 'webhook-signature': list }), [KEY], NOW)

    expect(signature).toBe('verified')
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['is empty', { 'webhook-signature': '' }],
    ['has another version', { 'webhook-signature': good.replace('v1,', 'v2,') }],
    ['is cut', { 'webhook-signature': good.slice(0, -2) }],
    ['is far too long', { 'webhook-signature': good.repeat(20_000) }],
    ['comes in two headers', { 'webhook-signature': `${good}, ${good}` }],
    ['has another id', { 'webhook-id': 'another' }],
    ['has no id', { 'webhook-id': '' }],
    ['has no time', { 'webhook-timestamp': '' }],
    ['has a time that is no number', { 'webhook-timestamp': 'NaN' }],
    ['has a time in milliseconds', { 'webhook-timestamp': String(NOW) }],
    ['has a negative time', { 'webhook-timestamp': '-1' }],
  ])('is refused when it %s, even beside a right plain token', async (_, headers) => {
    const signature = await gitlab.verify(
      request({ ...headers, 'x-gitlab-token': SECRET }),
      [KEY, SECRET],
      NOW,
    )

    expect(signature).toBe('invalid')
  })

  it('needs the id that it signs', async () => {
    const nameless = toWebhookRequest(
      pushFrom('gitlab', { ...PUSH, secret: KEY, sentAt: NOW, deliveryId: '' }),
    )

    const signature = await gitlab.verify(nameless, [KEY], NOW)

    expect(signature).toBe('invalid')
  })

  it('is no plain token', async () => {
    const token = requestOf({ body: '{}', headers: { 'x-gitlab-token': KEY } })

    const signature = await gitlab.verify(token, [KEY], NOW)

    expect(signature).toBe('invalid')
  })

  it('with no key after its prefix never verifies', async () => {
    const empty = toWebhookRequest(pushFrom('gitlab', { ...PUSH, secret: 'whsec_', sentAt: NOW }))

    const signature = await gitlab.verify(empty, ['whsec_'], NOW)

    expect(signature).toBe('invalid')
  })
})

describe('a GitLab plain token', () => {
  it.each(['', 'a', SECRET.slice(1), `${SECRET} `, `${SECRET}, ${SECRET}`, 'x'.repeat(1_000_000)])(
    'of another text is refused (%#)',
    async (token) => {
      const request = requestOf({ body: '{}', headers: { 'x-gitlab-token': token } })

      const signature = await forgeByName('gitlab').verify(request, [SECRET], NOW)

      expect(signature).toBe(token === '' ? 'none' : 'invalid')
    },
  )

  it('may hold letters beyond ASCII, which HTTP hands over byte by byte', async () => {
    const onTheWire = Buffer.from('秘密-é').toString('latin1')
    const request = requestOf({ body: '{}', headers: { 'x-gitlab-token': onTheWire } })

    const signature = await forgeByName('gitlab').verify(request, ['秘密-é'], NOW)

    expect(signature).toBe('verified')
  })
})
