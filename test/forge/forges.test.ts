import { describe, expect, it, test } from 'vitest'
import { FORGE_NAMES } from '../../src/forge/forge.ts'
import { recognise } from '../../src/forge/forges.ts'
import { sendAzure } from '../rig/deliveries-azure.ts'
import { pushFrom, toWebhookRequest } from '../rig/deliveries.ts'
import { forgeByName, REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const EVERY_EVENT_HEADER = [
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
]

// What follows the settings of the generic forge could be anything.
const RECOGNISED = FORGE_NAMES.filter((name) => name !== 'generic')

describe('the sender of a request', () => {
  it.each(RECOGNISED)('is %s for all that it sends, with a secret or without', (forge) => {
    const push = { repository: REPOSITORY, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }
    const requests = [pushFrom(forge, push), pushFrom(forge, { ...push, secret: 'x' })].map(toWebhookRequest)

    const recognised = requests.map(recognise)

    expect(recognised).toEqual([forge, forge])
  })

  it.each([
    ['forgejo', EVERY_EVENT_HEADER],
    ['gitea', EVERY_EVENT_HEADER.slice(1)],
    ['gogs', EVERY_EVENT_HEADER.slice(2)],
    ['gitee', EVERY_EVENT_HEADER.slice(3)],
    ['gitee', EVERY_EVENT_HEADER.slice(4)],
    ['codeup', EVERY_EVENT_HEADER.slice(5)],
    ['codeup', EVERY_EVENT_HEADER.slice(6)],
    ['coding', EVERY_EVENT_HEADER.slice(7)],
    [undefined, EVERY_EVENT_HEADER.slice(8)],
    ['gitlab', EVERY_EVENT_HEADER.slice(9)],
    ['gitlab', ['x-event', 'x-gitlab-event', 'x-token', 'x-gitlab-token']],
    ['bitbucket-server', EVERY_EVENT_HEADER.slice(10)],
    ['bitbucket-server', ['x-event-key', 'x-bitbucket-type']],
    ['bitbucket', [...EVERY_EVENT_HEADER.slice(10), 'x-hook-uuid']],
    ['github', ['x-github-event', 'x-hook-uuid']],
    [undefined, ['x-hook-uuid', 'x-request-id']],
    [undefined, []],
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

describe('a request without any event header', () => {
  it.each([
    ['azure', { publisherId: 'tfs', eventType: 'git.push' }],
    ['azure', { publisherId: 'tfs', eventType: 'git.pullrequest.created' }],
    [undefined, { publisherId: 'github', eventType: 'git.push' }],
    [undefined, { publisherId: 'tfs' }],
    [undefined, { eventType: 'git.push' }],
    [undefined, []],
  ])('is of %s when its body says %j', (forge, body) => {
    const recognised = recognise(requestOf({ body: JSON.stringify(body) }))

    expect(recognised).toBe(forge)
  })

  it('is not of Azure when any forge names itself in a header', () => {
    const sent = toWebhookRequest(sendAzure({}, {}))
    const headers = new Map([...sent.headers, ['x-gogs-event', 'push']])

    const recognised = recognise({ ...sent, headers })

    expect(recognised).toBe('gogs')
  })
})

test.each(['', 'GitHub', 'bitbucket_server', '__proto__', 'constructor', 'toString'])(
  'no forge is called %j',
  (name) => {
    const forge = forgeByName(name)

    expect(forge).toBeUndefined()
  },
)
