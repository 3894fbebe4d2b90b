import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { createForges, recognise } from '../../src/forge/forges.ts'
import { genericPush } from '../rig/deliveries-generic.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import { forgeByName, hexHmac, REPOSITORY, requestOf, SHA_1, SHA_2, ZERO } from './request.ts'

const SECRET = 'a secret of a pipeline'
const MOVE = {
  repository: REPOSITORY,
  secret: SECRET,
  deliveryId: 'd-1',
  ref: 'refs/heads/main',
  before: SHA_1,
  after: SHA_2,
}

function genericWith(env: Readonly<Record<string, string>>) {
  const { webhook } = loadConfig({ env: { ...env, CONFIG_FILE: '/dev/null' }, cwd: '/' })
  return createForges(webhook.generic)('generic')
}

describe('a delivery to the generic forge', () => {
  const parse = (body: object) => forgeByName('generic').parse(requestOf({ body: JSON.stringify(body) }))
  const repository = { clone_url: 'git@h:o/r.git' }

  it.each(['json', 'form'] as const)('is verified and read as %s', async (encoding) => {
    const request = toWebhookRequest(genericPush({ ...MOVE, encoding }))

    const signature = await forgeByName('generic').verify(request, ['another', SECRET], 0)
    const parsed = forgeByName('generic').parse(request)

    expect(recognise(request)).toBeUndefined()
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject({
      kind: 'changes',
      event: 'push',
      deliveryId: 'd-1',
      repository: { cloneUrl: REPOSITORY.cloneUrl, fullName: null, sshUrl: null, htmlUrl: null },
      pusher: null,
      changes: [
        {
          ref: 'refs/heads/main',
          before: SHA_1,
          after: SHA_2,
          created: false,
          deleted: false,
          forced: false,
        },
      ],
    })
  })

  it.each([
    [
      'a short ref is a branch',
      { ref: 'a/b', after: SHA_2 },
      [{ ref: 'refs/heads/a/b', before: null, after: SHA_2 }],
    ],
    [
      'a tag has its full name',
      { ref: 'refs/tags/v1' },
      [{ ref: 'refs/tags/v1', after: null, deleted: false }],
    ],
    [
      'zeros after are a deletion',
      { ref: 'a', before: SHA_1, after: ZERO },
      [{ after: null, deleted: true }],
    ],
    [
      'zeros before are a creation',
      { ref: 'a', before: ZERO, after: SHA_1 },
      [{ before: null, created: true }],
    ],
    ['without a ref all may have moved', { before: SHA_1, after: SHA_2 }, 'all'],
    ['an empty ref is none', { ref: '' }, 'all'],
    ['a ref that is no text is none', { ref: ['main'] }, 'all'],
  ])('is understood: %s', (_, body, changes) => {
    const parsed = parse({ ...body, repository })

    expect(parsed).toMatchObject({ kind: 'changes', changes })
  })

  it.each([
    ['equal shas', { ref: 'main', before: SHA_1, after: SHA_1 }, 'test'],
    ['a ref that does not travel', { ref: 'refs/pull/1/head' }, 'event'],
  ])('asks for nothing with %s', (_, body, reason) => {
    const parsed = parse({ ...body, repository })

    expect(parsed).toMatchObject({ kind: 'nothing', reason })
  })

  it.each([{}, { repository: null }, { repository: { clone_url: 7 } }, [], { 'repository/clone_url': 'x' }])(
    'without an address says where it was looked for: %j',
    (body) => {
      const parsed = parse(body)

      expect(parsed).toEqual({
        kind: 'malformed',
        problem: 'The payload has no address of a repository at /repository/clone_url.',
      })
    },
  )
})

describe('the settings of the generic forge', () => {
  it('say where the parts of a delivery from a CNB pipeline are', async () => {
    const cnb = genericWith({
      GENERIC_SIGNATURE_HEADER: 'X-CNB-Signature',
      GENERIC_REF_POINTER: '/CNB_BRANCH',
      GENERIC_AFTER_POINTER: '/CNB_COMMIT',
      GENERIC_URL_POINTER: '/CNB_REPO_URL_HTTPS',
    })
    const body = JSON.stringify({
      CNB_EVENT: 'push',
      CNB_BRANCH: 'main',
      CNB_COMMIT: SHA_2,
      CNB_REPO_SLUG: 'team/app',
      CNB_REPO_URL_HTTPS: 'https://cnb.cool/team/app',
    })
    const request = requestOf({ body, headers: { 'X-CNB-Signature': hexHmac(SECRET, body) } })

    const signature = await cnb.verify(request, [SECRET], 0)
    const parsed = cnb.parse(request)

    expect(signature).toBe('verified')
    expect(parsed).toMatchObject({
      repository: { cloneUrl: 'https://cnb.cool/team/app' },
      changes: [{ ref: 'refs/heads/main', before: null, after: SHA_2, created: false, deleted: false }],
    })
  })

  it('may point into lists and at keys with slashes and tildes', () => {
    const generic = genericWith({
      GENERIC_URL_POINTER: '/remotes/1/~0url~1git',
      GENERIC_REF_POINTER: '/',
      GENERIC_ID_HEADER: 'X-My-Id',
    })
    const body = JSON.stringify({ remotes: [{}, { '~url/git': 'https://h/r' }], '': 'main' })

    const parsed = generic.parse(requestOf({ body, headers: { 'X-My-Id': 'a' } }))

    expect(parsed).toMatchObject({
      deliveryId: 'a',
      repository: { cloneUrl: 'https://h/r' },
      changes: [{ ref: 'refs/heads/main' }],
    })
  })

  it.each(['/__proto__', '/constructor/name', '/toString', '/repository/clone_url/length'])(
    'do not reach beyond the payload with %s',
    (pointer) => {
      const generic = genericWith({ GENERIC_URL_POINTER: pointer })

      const parsed = generic.parse(requestOf({ body: '{"repository":{"clone_url":"https://h/r"}}' }))

      expect(parsed).toMatchObject({ kind: 'malformed' })
    },
  )

  const algorithms = ['sha1', 'sha256', 'sha512'] as const
  const encodings = ['hex', 'base64'] as const

  it.each(algorithms.flatMap((algorithm) => encodings.map((encoding) => [algorithm, encoding] as const)))(
    'may say that a signature is %s in %s, with its prefix or without',
    async (algorithm, encoding) => {
      const generic = genericWith({
        GENERIC_SIGNATURE_ALGORITHM: algorithm,
        GENERIC_SIGNATURE_ENCODING: encoding,
      })
      const right = createHmac(algorithm, SECRET).update('{}').digest(encoding)
      const wrong = createHmac(algorithm, 'another').update('{}').digest(encoding)
      const values = [
        right,
        `${algorithm}=${right}`,
        `v1,${right}`,
        wrong,
        right.slice(1),
        '=',
        `${right}, ${right}`,
      ]

      const signatures = await Promise.all(
        values.map((value) =>
          generic.verify(requestOf({ body: '{}', headers: { 'x-hub-signature-256': value } }), [SECRET], 0),
        ),
      )

      expect(signatures.slice(0, 2)).toEqual(['verified', 'verified'])
      expect(new Set(signatures.slice(2))).toEqual(new Set(['invalid']))
    },
  )

  it('may name another prefix', async () => {
    const generic = genericWith({ GENERIC_SIGNATURE_PREFIX: 'v1,' })
    const headers = { 'x-hub-signature-256': `v1,${hexHmac(SECRET, '{}')}` }

    const signature = await generic.verify(requestOf({ body: '{}', headers }), [SECRET], 0)

    expect(signature).toBe('verified')
  })

  it.each([[['']], [[]]])('never verify with the secrets %j', async (secrets) => {
    const headers = { 'x-hub-signature-256': hexHmac('', '{}') }

    const signature = await forgeByName('generic').verify(requestOf({ body: '{}', headers }), secrets, 0)

    expect(signature).toBe('invalid')
  })
})
