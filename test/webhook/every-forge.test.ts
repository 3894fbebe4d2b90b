import { describe, expect, test } from 'vitest'
import { FORGE_NAMES } from '../../src/forge/forge.ts'
import { azurePush, sendAzure } from '../rig/deliveries-azure.ts'
import { bitbucketPush, bitbucketServerRepository, sendBitbucketServer } from '../rig/deliveries-bitbucket.ts'
import { codeupPush } from '../rig/deliveries-codeup.ts'
import { genericPush } from '../rig/deliveries-generic.ts'
import { giteePush } from '../rig/deliveries-gitee.ts'
import { pushFrom } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { endOf, refOf, shaOf } from '../run/world.ts'
import { createWorld, SECRET } from './world.ts'

const INNER = { fullName: 'team/app', cloneUrl: 'https://inner.example/team/app.git' }
const PUSH = {
  repository: INNER,
  ref: 'refs/heads/main',
  before: shaOf(1),
  after: shaOf(2),
  secret: SECRET,
}

/** What Bitbucket Server sends when a push moved more refs than it lists. */
const EVERYTHING: SentRequest = sendBitbucketServer('mirror:repo_synchronized', PUSH, {
  refLimitExceeded: true,
  repository: bitbucketServerRepository(INNER),
  changes: [],
})

type World = Awaited<ReturnType<typeof createWorld>>

async function workOf({ db }: World): Promise<unknown> {
  const { work } = await db
    .selectFrom('run')
    .select('work')
    .where('status', '=', 'queued')
    .executeTakeFirstOrThrow()
  return JSON.parse(work)
}

describe.each(FORGE_NAMES)('%s', (forge) => {
  test('tells of a push that finds its binding, and of the same push without its secret in vain', async () => {
    await using world = await createWorld()
    await world.bind()
    const { secret: _, ...unsigned } = PUSH

    const accepted = await world.deliver(pushFrom(forge, PUSH), `/webhooks/${forge}`)
    const refused = await world.deliver(pushFrom(forge, unsigned), `/webhooks/${forge}`)
    const delivery = await world.get('/api/v1/deliveries/1')

    expect(accepted).toMatchObject({ status: 202, body: { bindings: ['app'], runs: [1] } })
    expect(refused).toMatchObject({ status: 401, body: { reason: 'signature_missing' } })
    expect(delivery).toMatchObject({ data: { forge, signature: 'verified', full_sync: false } })
    expect(JSON.stringify(delivery)).not.toContain(SECRET)
  })
})

test('several refs of one delivery become one run that makes all of them equal', async () => {
  await using world = await createWorld()
  await world.bind()
  const sent = bitbucketPush(
    PUSH,
    { ref: 'refs/tags/v1', before: null, after: shaOf(3) },
    { ref: 'refs/heads/old', before: shaOf(1), after: null },
  )

  const answer = await world.deliver(sent)

  expect(answer).toMatchObject({
    status: 202,
    body: { changes: [{ ref: 'refs/heads/main' }, { ref: 'refs/tags/v1' }, { deleted: true }], runs: [1] },
  })
  expect(await workOf(world)).toMatchObject([
    { scope: [{ internal: 'refs/heads/main' }, { internal: 'refs/tags/v1' }] },
  ])
})

describe('a delivery of more refs than it lists', () => {
  test('asks for the whole repository', async () => {
    await using world = await createWorld()
    await world.bind()

    const answer = await world.deliver(EVERYTHING)
    const delivery = await world.get('/api/v1/deliveries/1')

    expect(answer).toMatchObject({ status: 202, body: { changes: [], full_sync: true, bindings: ['app'] } })
    expect(delivery).toMatchObject({ data: { status: 'accepted', changes: [], full_sync: true } })
    expect(await workOf(world)).toMatchObject([
      { direction: 'to_outer', scope: 'all', force: false, named: false },
    ])
  })

  test('asks for it again when it is replayed', async () => {
    await using world = await createWorld()
    await world.bind()
    await world.deliver(EVERYTHING)
    await world.endRun(endOf({ agreed: new Map([[refOf('refs/heads/main'), shaOf(2)]]) }))

    const replayed = await world.post('/api/v1/deliveries/1/replay')

    expect(replayed).toMatchObject({ status: 202, body: { data: { runs: [1, 2], full_sync: true } } })
    expect(await workOf(world)).toMatchObject([{ scope: 'all' }])
  })

  test('swallows the single refs that wait already', async () => {
    await using world = await createWorld()
    await world.bind()
    await world.deliver(pushFrom('github', PUSH))

    const answer = await world.deliver(EVERYTHING)

    expect(answer).toMatchObject({ status: 202, body: { runs: [1] } })
    expect(await workOf(world)).toMatchObject([{ scope: 'all' }])
  })

  test('covers the branch bindings where only those are bound', async () => {
    await using world = await createWorld()
    await world.bind({ granularity: 'one' })
    await world.bindBranch('main', 'trunk')

    const answer = await world.deliver(EVERYTHING)

    expect(answer).toMatchObject({ status: 202, body: { bindings: ['app'] } })
    expect(await workOf(world)).toMatchObject([{ scope: 'all' }])
  })

  test.each([
    ['disabled', { enabled: false }],
    ['direction', { direction: 'to_inter' }],
  ] as const)('is ignored for the reason %s', async (reason, binding) => {
    await using world = await createWorld()
    await world.bind(binding)

    const answer = await world.deliver(EVERYTHING)

    expect(answer).toMatchObject({ status: 200, body: { status: 'ignored', reason } })
  })

  test('without any detail of the repository finds no binding', async () => {
    await using world = await createWorld()
    await world.bind()

    const answer = await world.deliver(sendAzure(PUSH, null))

    expect(answer).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'unbound' } })
  })
})

test('a repository of Codeup is found by either of its addresses', async () => {
  await using world = await createWorld()
  const external = 'https://outer.example/app.git'
  await world.bind({ addresses: { internal: 'git@codeup.aliyun.com:app.git', external } })
  const long = 'https://codeup.aliyun.com/60de7a6852743a5162b5f957/app.git'

  const answer = await world.deliver(
    codeupPush({ ...PUSH, repository: { fullName: 'x/app', cloneUrl: long } }),
  )

  expect(answer).toMatchObject({ status: 202, body: { bindings: ['app'] } })
})

test('a repository of Azure is found whatever form of address it was bound with', async () => {
  await using world = await createWorld()
  const external = 'https://outer.example/app.git'
  await world.bind({ addresses: { internal: 'git@ssh.dev.azure.com:v3/fabrikam/shop/app', external } })
  const cloneUrl = 'https://fabrikam.visualstudio.com/DefaultCollection/shop/_git/app'

  const answer = await world.deliver(azurePush({ ...PUSH, repository: { fullName: 'shop/app', cloneUrl } }))

  expect(answer).toMatchObject({ status: 202, body: { bindings: ['app'] } })
})

test('the case of a path counts at a plain git server, and nowhere else', async () => {
  await using world = await createWorld()
  await world.bind()
  const other = {
    ...PUSH,
    repository: { fullName: 'Team/App', cloneUrl: 'https://INNER.example/Team/App.git' },
  }

  const [generic, forge] = await Promise.all([
    world.deliver(genericPush(other), '/webhooks/generic'),
    world.deliver(giteePush(other)),
  ])
  await world.deliver(genericPush(other), '/webhooks/generic')
  const replayed = await world.post('/api/v1/deliveries/3/replay')

  expect(generic).toMatchObject({ status: 200, body: { reason: 'unbound' } })
  expect(forge).toMatchObject({ status: 202, body: { bindings: ['app'] } })
  expect(replayed).toMatchObject({ body: { data: { forge: 'generic', reason: 'unbound' } } })
})

test('a login in the address of a repository is not stored, and a replay finds the binding all the same', async () => {
  await using world = await createWorld()
  await world.bind()
  const cloneUrl = 'https://ci:glcbt-64_token@inner.example/team/app.git'
  await world.deliver(genericPush({ ...PUSH, repository: { ...INNER, cloneUrl } }), '/webhooks/generic')

  const replayed = await world.post('/api/v1/deliveries/1/replay')
  const row = await world.db.selectFrom('delivery').selectAll().executeTakeFirstOrThrow()

  expect(replayed).toMatchObject({ body: { data: { bindings: ['app'] } } })
  expect(JSON.stringify(row)).not.toContain('glcbt-64_token')
})

test('a delivery that Bitbucket attempts twice is one', async () => {
  await using world = await createWorld()
  await world.bind()
  const sent = bitbucketPush({ ...PUSH, deliveryId: 'b-1' })
  const second = { ...sent, headers: { ...sent.headers, 'X-Attempt-Number': '2' } }
  await world.deliver(sent)

  const answer = await world.deliver(second)

  expect(answer).toEqual({ status: 200, body: { status: 'duplicate', delivery: 1 } })
})

test('the same text from Codeup twice is two pushes, because a branch can go forth and back', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(codeupPush(PUSH))

  const answer = await world.deliver(codeupPush(PUSH))

  expect(answer).toMatchObject({ status: 202, body: { delivery: 2, runs: [1] } })
})
