import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FORGE_NAMES } from '../../src/forge/forge.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import { recognise } from '../../src/forge/forges.ts'
import { redactPayload } from '../../src/forge/redact.ts'
import { isMangled, toRefName } from '../../src/git/refs.ts'
import { pushFrom, toWebhookRequest } from '../rig/deliveries.ts'
import { forgeByName, requestOf } from './request.ts'
import type { REPOSITORY } from './request.ts'

/** What a forge tells of a repository. */
function told(forge: ForgeName, repository: typeof REPOSITORY): object {
  switch (forge) {
    case 'bitbucket':
    case 'bitbucket-server':
    case 'codeup':
      return { ...repository, defaultBranch: null }
    case 'azure':
      return { ...repository, sshUrl: null, htmlUrl: repository.cloneUrl }
    case 'generic':
      return { cloneUrl: repository.cloneUrl, fullName: null, sshUrl: null, htmlUrl: null }
    default:
      return repository
  }
}

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
  .filter((name) => toRefName(name) !== undefined && name.isWellFormed() && !isMangled(name))

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

      expect(recognise(request)).toBe(forge === 'generic' ? undefined : forge)
      expect(await forgeByName(forge).verify(request, [sent.secret], Date.now())).toBe('verified')
      expect(await forgeByName(forge).verify(request, [`${sent.secret}x`], Date.now())).toBe('invalid')
      const { before, after } = sent
      expect(parsed).toMatchObject({
        kind: 'changes',
        repository: told(forge, repository),
        changes: [{ ref: sent.ref, before, after, created: before === null, deleted: false, forced: false }],
      })
    },
  )

  await fc.assert(property, { numRuns: 300 })
})

test('no request makes an adapter throw', async () => {
  const header = fc.constantFrom(
    'x-forgejo-event',
    'x-gitea-event',
    'x-gogs-event',
    'x-gitee-event',
    'x-git-oschina-event',
    'x-codeup-event',
    'codeup-event',
    'x-coding-event',
    'x-gitcode-event',
    'x-gitlab-event',
    'x-event-key',
    'x-github-event',
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
    'x-gitee-token',
    'x-gitee-timestamp',
    'x-gitee-ping',
    'x-hook-uuid',
    'x-codeup-token',
    'x-coding-signature',
    'authorization',
    'x-request-id',
    'x-delivery-id',
  )
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'push',
      'create',
      'delete',
      'ping',
      'Push Hook',
      'repo:push',
      'repo:refs_changed',
      'true',
      'Basic Og==',
      '1614265330',
      '1614265330000',
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
    'push',
    'changes',
    'actor',
    'refLimitExceeded',
    'resource',
    'eventType',
    'publisherId',
    'hook_name',
    'token',
    'zen',
  )
  const inner = fc.dictionary(
    fc.constantFrom(
      'changes',
      'refUpdates',
      'new',
      'old',
      'type',
      'name',
      'target',
      'links',
      'clone',
      'self',
    ),
    fc.jsonValue(),
  )
  const shaped = fc.dictionary(
    key,
    fc.oneof(
      fc.jsonValue(),
      inner,
      fc.array(inner),
      fc.constantFrom('push', 'git.push', 'tfs', 'branch', 'refs/heads/a', '%', '%ff'),
    ),
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
