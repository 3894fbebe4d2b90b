import { expect, test } from 'vitest'
import { githubPing, githubPush, giteaPush, pushFrom, refEventFrom, sendGithub } from '../rig/deliveries.ts'
import type { SentPush } from '../rig/deliveries.ts'
import { endOf, refOf, shaOf, unreachable } from '../run/world.ts'
import { createWorld, SECRET } from './world.ts'

const INNER = { fullName: 'team/app', cloneUrl: 'https://inner.example/team/app.git' }
const OUTER = { fullName: 'team/app', cloneUrl: 'https://outer.example/team/app.git' }

function push(changes: Partial<SentPush> = {}): SentPush {
  return {
    repository: INNER,
    ref: 'refs/heads/main',
    before: shaOf(1),
    after: shaOf(2),
    secret: SECRET,
    ...changes,
  }
}

const agreedOnTwo = endOf({ agreed: new Map([[refOf('refs/heads/main'), shaOf(2)]]) })

test('a push to a bound repository is accepted, stored and gets a run', async () => {
  await using world = await createWorld()
  await world.bind()

  const answer = await world.deliver(githubPush(push()), '/webhooks/github')

  expect(answer).toEqual({
    status: 202,
    body: {
      status: 'accepted',
      delivery: 1,
      changes: [
        {
          ref: 'refs/heads/main',
          before: shaOf(1),
          after: shaOf(2),
          created: false,
          deleted: false,
          forced: false,
        },
      ],
      bindings: ['app'],
      runs: [1],
    },
  })
  expect(world.wakes()).toBe(1)
})

test('the forge is found from the headers where the path does not name it', async () => {
  await using world = await createWorld()

  const answers = []
  for (const forge of ['github', 'gitlab', 'gitea', 'forgejo', 'gogs', 'gitlink'] as const) {
    await world.deliver(pushFrom(forge, push()))
    answers.push(forge)
  }

  const listed = await world.get('/api/v1/deliveries?page_size=100')
  expect(listed).toMatchObject({ data: { items: answers.reverse().map((forge) => ({ forge })) } })
})

test.each([
  ['a ping', githubPing({ repository: INNER, secret: SECRET }), 'ping'],
  ['a test delivery', giteaPush(push({ before: shaOf(2) })), 'test'],
  [
    'another event',
    sendGithub('star', { repository: INNER, secret: SECRET }, { action: 'created' }),
    'event',
  ],
  [
    'an unbound repository',
    githubPush(push({ repository: { fullName: 'x/y', cloneUrl: 'https://z.example/x/y' } })),
    'unbound',
  ],
  ['the wrong direction', githubPush(push({ repository: OUTER })), 'direction'],
  ['a deleted branch', githubPush(push({ after: null })), 'deletion'],
])('%s is understood and ignored with its reason', async (_, sent, reason) => {
  await using world = await createWorld()
  await world.bind()

  const answer = await world.deliver(sent)

  expect(answer).toMatchObject({ status: 200, body: { status: 'ignored', delivery: 1, reason } })
  expect(JSON.stringify(answer.body)).toMatch(/"detail":"\w+ \w+/)
  expect(world.wakes()).toBe(0)
})

test('a disabled binding and a disabled branch binding are reasons of their own kind', async () => {
  await using world = await createWorld()
  await world.bind({ granularity: 'one' })
  await world.bindBranch('main', 'main', false)

  const disabled = await world.deliver(githubPush(push()))
  const unbound = await world.deliver(githubPush(push({ ref: 'refs/heads/other' })))

  expect(disabled).toMatchObject({ status: 200, body: { reason: 'disabled' } })
  expect(unbound).toMatchObject({ status: 200, body: { reason: 'branch' } })
})

test('a commit that both sides hold is not synced again, on neither side', async () => {
  await using world = await createWorld()
  await world.bind({ direction: 'both' })
  await world.deliver(githubPush(push()))
  await world.endRun(agreedOnTwo)

  const echo = await world.deliver(githubPush(push({ repository: OUTER })))
  const again = await world.deliver(githubPush(push()))

  expect(echo).toMatchObject({ status: 200, body: { reason: 'echo' } })
  expect(again).toMatchObject({ status: 200, body: { reason: 'echo' } })
})

test('in a one-way binding a commit that arrived already is in sync at its source', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(githubPush(push()))
  await world.endRun(agreedOnTwo)

  const again = await world.deliver(githubPush(push()))
  const echo = await world.deliver(githubPush(push({ repository: OUTER })))

  expect(again).toMatchObject({ status: 200, body: { reason: 'in_sync' } })
  expect(echo).toMatchObject({ status: 200, body: { reason: 'echo' } })
})

test('while a run is open nothing is taken for known, because that run may just be changing it', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(githubPush(push()))
  await world.endRun(agreedOnTwo)
  await world.deliver(githubPush(push({ before: shaOf(2), after: shaOf(3) })))

  const backAgain = await world.deliver(githubPush(push({ before: shaOf(3), after: shaOf(2) })))

  expect(backAgain).toMatchObject({ status: 202, body: { runs: [2] } })
})

test('a new branch arrives twice at Gitea and asks for one run', async () => {
  await using world = await createWorld()
  await world.bind()

  const pushed = await world.deliver(giteaPush(push({ ref: 'refs/heads/topic', before: null })))
  const created = await world.deliver(
    refEventFrom('gitea', {
      repository: INNER,
      secret: SECRET,
      action: 'create',
      refType: 'branch',
      ref: 'topic',
    }),
  )

  expect(pushed).toMatchObject({ status: 202, body: { runs: [1] } })
  expect(created).toMatchObject({ status: 202, body: { runs: [1] } })
})

test('the same delivery again is a duplicate, fifty times at once too', async () => {
  await using world = await createWorld()
  await world.bind()
  const sent = githubPush(push({ deliveryId: 'd-1' }))

  const answers = await Promise.all(Array.from({ length: 50 }, () => world.deliver(sent)))

  const accepted = answers.filter(({ status }) => status === 202)
  const duplicates = answers.filter(({ status }) => status === 200)
  expect(accepted).toHaveLength(1)
  expect(duplicates).toHaveLength(49)
  expect(duplicates[0]?.body).toEqual({ status: 'duplicate', delivery: 1 })
})

test('a delivery whose run failed may run again under the same id', async () => {
  await using world = await createWorld()
  await world.bind()
  const sent = githubPush(push({ deliveryId: 'd-1' }))
  await world.deliver(sent)
  await world.endRun({ ...unreachable, canHeal: false })

  const again = await world.deliver(sent)
  const third = await world.deliver(sent)

  expect(again).toMatchObject({ status: 202, body: { delivery: 2, runs: [2] } })
  expect(third).toMatchObject({ status: 200, body: { status: 'duplicate', delivery: 2 } })
})

test.each([
  ['unbound', undefined],
  ['disabled', { enabled: false }],
] as const)(
  'a delivery ignored as %s counts when it is sent again after that has changed',
  async (reason, bound) => {
    await using world = await createWorld()
    if (bound !== undefined) await world.bind(bound)
    const sent = githubPush(push({ deliveryId: 'd-1' }))

    const first = await world.deliver(sent)
    const unchanged = await world.deliver(sent)
    await (bound === undefined ? world.bind() : world.enable('app'))
    const atOnce = await Promise.all([world.deliver(sent), world.deliver(sent)])
    const later = await world.deliver(sent)

    const [changed, repeated] = atOnce.toSorted((a, b) => b.status - a.status)
    expect(first).toMatchObject({ status: 200, body: { status: 'ignored', reason, delivery: 1 } })
    expect(unchanged).toEqual(first)
    expect(changed).toMatchObject({ status: 202, body: { delivery: 2, runs: [1] } })
    expect(repeated).toEqual({ status: 200, body: { status: 'duplicate', delivery: 2 } })
    expect(later).toEqual(repeated)
  },
)

test('the same id with another body is another delivery', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(githubPush(push({ deliveryId: 'd-1' })))

  const other = await world.deliver(githubPush(push({ deliveryId: 'd-1', after: shaOf(9) })))

  expect(other.status).toBe(202)
})

test('a delivery that cannot be stored is answered 503 and may come again', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.db.schema.alterTable('delivery').renameTo('delivery_away').execute()

  const refused = await world.deliver(githubPush(push({ deliveryId: 'd-1' })))
  await world.db.schema.alterTable('delivery_away').renameTo('delivery').execute()
  const again = await world.deliver(githubPush(push({ deliveryId: 'd-1' })))

  expect(refused).toMatchObject({ status: 503, body: { status: 'rejected', reason: 'storage' } })
  expect(again.status).toBe(202)
})

test('secrets in a payload are not stored', async () => {
  await using world = await createWorld()
  await world.bind()

  await world.deliver(pushFrom('gitlink', push()))

  const row = await world.db.selectFrom('delivery').select('payload').executeTakeFirstOrThrow()
  expect(row.payload).not.toContain(SECRET)
  expect(row.payload).toContain('refs/heads/main')
})
