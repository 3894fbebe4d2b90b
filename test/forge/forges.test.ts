import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { FORGE_NAMES, forgeByName, recognise } from '../../src/forge/forges.ts'
import { redactPayload } from '../../src/forge/redact.ts'
import { toRefName } from '../../src/git/refs.ts'
import {
  forgejoPush,
  giteaPush,
  githubPush,
  gitlabPush,
  gitlinkPush,
  gogsPush,
  pushFrom,
  toWebhookRequest,
} from '../rig/deliveries.ts'
import { REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const EVERY_EVENT_HEADER = [
  'x-forgejo-event',
  'x-gitea-event',
  'x-gogs-event',
  'x-gitlab-event',
  'x-github-event',
]

describe('the sender of a request', () => {
  it.each([
    ['github', githubPush],
    ['gitlab', gitlabPush],
    ['gitea', giteaPush],
    ['forgejo', forgejoPush],
    ['gogs', gogsPush],
    ['gitlink', gitlinkPush],
  ])('is %s for all that it sends, with a secret or without', (forge, send) => {
    const push = { repository: REPOSITORY, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }
    const requests = [send(push), send({ ...push, secret: 'x' })].map(toWebhookRequest)

    const recognised = requests.map(recognise)

    expect(recognised).toEqual([forge, forge])
  })

  it.each([
    ['forgejo', EVERY_EVENT_HEADER],
    ['gitea', EVERY_EVENT_HEADER.slice(1)],
    ['gogs', EVERY_EVENT_HEADER.slice(2)],
    ['gitlab', EVERY_EVENT_HEADER.slice(3)],
    ['github', EVERY_EVENT_HEADER.slice(4)],
    [undefined, []],
    [undefined, ['x-gitee-event', 'x-gitlab-event', 'x-github-event']],
    [undefined, ['x-git-oschina-event', 'x-github-event']],
    [undefined, ['x-codeup-event', 'x-gitlab-event']],
    [undefined, ['codeup-event', 'x-gitlab-event']],
    [undefined, ['x-coding-event', 'x-github-event']],
    [undefined, ['x-gitcode-event', 'x-gitlab-event']],
    [undefined, ['x-event-key', 'x-hook-uuid', 'x-github-event']],
  ])('is %s when the headers are %j', (forge, names) => {
    const headers = Object.fromEntries(names.map((name): [string, string] => [name, 'push']))

    const recognised = recognise(requestOf({ headers, body: '{}' }))

    expect(recognised).toBe(forge)
  })

  it.each([
    ['gitlink', '{"secret":""}', {}],
    ['gitlink', '{"ref":"x","secret":"123456"}', {}],
    ['gitea', '{"ref":"x"}', {}],
    ['gitea', '{"repository":{"secret":"x"}}', {}],
    ['gitea', '{"secret":', {}],
    ['gitea', '{"secret":"x"}', { 'x-hub-signature': 'sha1=' }],
    ['gitea', '{"secret":"x"}', { 'x-hub-signature-256': '' }],
    ['gitea', '{"secret":"x"}', { 'content-type': 'text/plain' }],
  ])('with the headers of Gitea is %s when the body is %s', (forge, body, headers) => {
    const recognised = recognise(requestOf({ headers: { 'x-gitea-event': 'push', ...headers }, body }))

    expect(recognised).toBe(forge)
  })
})

test.each(['', 'GitHub', 'bitbucket', '__proto__', 'constructor', 'toString'])(
  'no forge is called %j',
  (name) => {
    const forge = forgeByName(name)

    expect(forge).toBeUndefined()
  },
)

const sha = fc
  .constantFrom(40, 64)
  .chain((length) =>
    fc.string({ unit: fc.constantFrom('1', '7', '9', 'a', 'c', 'f'), minLength: length, maxLength: length }),
  )
const ref = fc
  .tuple(
    fc.constantFrom('refs/heads/', 'refs/tags/'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  )
  .map((parts) => parts.join(''))
  .filter((name) => toRefName(name) !== undefined && name.isWellFormed())

test('every push that a forge can send comes out as it went in', async () => {
  const push = fc.record({ ref, before: fc.option(sha), after: sha, secret: fc.string({ minLength: 1 }) })
  const name = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((text) => /^[^\u0000-\u0020\u007f/?#\\%]+$/.test(text))

  const property = fc.asyncProperty(
    fc.constantFrom(...FORGE_NAMES),
    fc.constantFrom('json', 'form'),
    push,
    name,
    async (forge, encoding, sent, owner) => {
      fc.pre(sent.before !== sent.after && !sent.secret.startsWith('whsec_'))
      const repository = {
        fullName: `${owner}/r`,
        cloneUrl: `https://h/${owner}/r.git`,
        sshUrl: `git@h:${owner}/r.git`,
        htmlUrl: `https://h/${owner}/r`,
        defaultBranch: owner,
      }
      const request = toWebhookRequest(
        pushFrom(forge, { ...sent, repository, encoding: forge === 'gitlab' ? 'json' : encoding }),
      )

      const parsed = forgeByName(forge).parse(request)

      expect(recognise(request)).toBe(forge)
      expect(await forgeByName(forge).verify(request, [sent.secret], Date.now())).toBe('verified')
      expect(await forgeByName(forge).verify(request, [`${sent.secret}x`], Date.now())).toBe('invalid')
      const { before, after } = sent
      expect(parsed).toMatchObject({
        kind: 'changes',
        repository,
        changes: [{ ref: sent.ref, before, after, created: before === null, deleted: false, forced: false }],
      })
    },
  )

  await fc.assert(property, { numRuns: 300 })
})

test('no request makes an adapter throw', async () => {
  const header = fc.constantFrom(
    ...EVERY_EVENT_HEADER,
    'content-type',
    'x-hub-signature',
    'x-hub-signature-256',
    'x-gitea-signature',
    'x-gogs-signature',
    'x-gitea-delivery',
    'x-gitlab-token',
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
  )
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'push',
      'create',
      'delete',
      'ping',
      'Push Hook',
      '1614265330',
      `sha256=${'0'.repeat(64)}`,
    ),
    fc.constantFrom('application/json', 'application/x-www-form-urlencoded'),
  )
  const key = fc.constantFrom(
    'ref',
    'ref_type',
    'before',
    'after',
    'repository',
    'project',
    'pusher',
    'object_kind',
  )
  const shaped = fc.dictionary(
    key,
    fc.oneof(fc.jsonValue(), fc.constantFrom('push', 'branch', 'refs/heads/a')),
  )
  const body = fc.oneof(
    fc.uint8Array(),
    fc.string({ unit: 'binary' }),
    fc.json(),
    shaped.map((payload) => JSON.stringify(payload)),
    shaped.map((payload) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString()),
  )
  const parts = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.dictionary(header, value),
    search: fc.oneof(
      fc.string(),
      fc.json().map((json) => `payload=${json}`),
    ),
    body,
  })

  const property = fc.asyncProperty(
    parts,
    fc.array(fc.string()),
    fc.double(),
    async (request, secrets, now) => {
      const received = requestOf(request)
      recognise(received)
      for (const forge of FORGE_NAMES.map((name) => forgeByName(name))) {
        const signature = await forge.verify(received, secrets, now)
        const parsed = forge.parse(received)
        if ('payload' in parsed) redactPayload(parsed.payload)
        expect(['verified', 'none', 'invalid']).toContain(signature)
        expect(['changes', 'nothing', 'malformed', 'unsupported_type']).toContain(parsed.kind)
      }
    },
  )

  await fc.assert(property, { numRuns: 500 })
})
