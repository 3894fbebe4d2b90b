import { expect, test } from 'vitest'
import { claimRun, nextDue } from '../../src/run/claim.ts'
import { finishAttempt } from '../../src/run/record.ts'
import { getRun } from '../../src/run/runs.ts'
import { createWorld, endOf, pushOf, refOf, runId, shaOf, unreachable } from './world.ts'

test('what arrives while a run waits joins it', async () => {
  await using world = await createWorld()

  const first = await world.request(1, { work: [pushOf('a')] })
  const second = await world.request(1, { work: [pushOf('b')] })

  expect(second).toBe(first)
  const run = await getRun(world, first)
  expect(run.work[0]?.scope).toHaveLength(2)
})

test('what arrives while a run is running waits for a run of its own', async () => {
  await using world = await createWorld()
  const first = await world.request(1)
  await world.claim()

  const second = await world.request(1)
  const third = await world.request(1)

  expect(second).not.toBe(first)
  expect(third).toBe(second)
})

test('a subject that is running is not claimed a second time', async () => {
  await using world = await createWorld()
  await world.request(1)
  await world.claim()
  await world.request(1)
  const other = await world.request(2)

  const claimed = await world.claim()
  const none = await claimRun(world.deps, [])

  expect(claimed.id).toBe(other)
  expect(none).toBeUndefined()
})

test('runs that would use a busy host are passed over', async () => {
  await using world = await createWorld()
  await world.request(1, { hosts: { internal: 'inner', external: 'slow' } })
  const free = await world.request(2, { hosts: { internal: 'inner', external: 'quick' } })

  const claimed = await world.claim(['slow'])

  expect(claimed.id).toBe(free)
  expect(claimed.hosts).toEqual(['inner', 'quick'])
})

test('a manual run goes before webhooks, and those before comparisons', async () => {
  await using world = await createWorld()
  const compared = await world.request(1, { trigger: 'reconcile' })
  const pushed = await world.request(2, { trigger: 'webhook' })
  const asked = await world.request(3, { trigger: 'manual' })

  const order = [await world.claim(), await world.claim(), await world.claim()].map(({ id }) => id)

  expect(order).toEqual([asked, pushed, compared])
})

test('a failure that can heal waits longer each time and ends at the limit', async () => {
  await using world = await createWorld()
  const id = await world.request(1, { attemptLimit: 3 })
  const waits: number[] = []

  for (;;) {
    const { run } = await world.claim()
    await finishAttempt(world.deps, run, unreachable, '')
    const due = await nextDue(world.deps, world.clock.now())
    if (due === undefined) break
    waits.push(due - world.clock.now())
    world.clock.advance(due - world.clock.now())
  }

  expect(waits).toHaveLength(2)
  expect(waits[0]).toBeGreaterThanOrEqual(500)
  expect(waits[1]).toBeGreaterThanOrEqual(1000)
  expect(await getRun(world, id)).toMatchObject({ status: 'failed', attempts: 3, code: 20004 })
})

test('a failed run hands its work to the run that already waits, which keeps the backoff', async () => {
  await using world = await createWorld()
  const first = await world.request(1, { work: [pushOf('a')] })
  const { run } = await world.claim()
  const second = await world.request(1, { work: [pushOf('b')] })

  await finishAttempt(world.deps, run, unreachable, '')

  expect(await getRun(world, first)).toMatchObject({ status: 'failed' })
  const waiting = await getRun(world, second)
  expect(waiting).toMatchObject({ status: 'queued', attempts: 1 })
  expect(waiting.work[0]?.scope).toHaveLength(2)
  expect(await claimRun(world.deps, [])).toBeUndefined()
})

test('a webhook does not shorten the wait of a failing sync, a person does', async () => {
  await using world = await createWorld()
  const id = await world.request(1)
  await finishAttempt(world.deps, (await world.claim()).run, unreachable, '')

  await world.request(1, { trigger: 'webhook' })
  const afterWebhook = await claimRun(world.deps, [])
  await world.request(1, { trigger: 'manual' })
  const afterPerson = await claimRun(world.deps, [])

  expect(afterWebhook).toBeUndefined()
  expect(afterPerson?.id).toBe(id)
})

test('what both sides agreed on is kept, and a later agreement replaces it', async () => {
  await using world = await createWorld()
  const main = refOf('refs/heads/main')
  for (const sha of [shaOf(1), shaOf(2)]) {
    await world.request(1)
    await finishAttempt(world.deps, (await world.claim()).run, endOf({ agreed: new Map([[main, sha]]) }), '')
  }

  const rows = await world.db.selectFrom('agreed_ref').select(['ref', 'sha']).execute()

  expect(rows).toEqual([{ ref: main, sha: shaOf(2) }])
})

test('ten thousand refs are agreed in one record', async () => {
  await using world = await createWorld()
  await world.request(1)
  const agreed = new Map(
    Array.from({ length: 10_000 }, (_, number) => [refOf(`refs/heads/b${number}`), shaOf(number)]),
  )

  await finishAttempt(world.deps, (await world.claim()).run, endOf({ agreed }), '')

  const { count } = await world.db
    .selectFrom('agreed_ref')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  expect(count).toBe(10_000)
})

test('a comparison that found nothing leaves no run behind', async () => {
  await using world = await createWorld()
  const id = await world.request(1, { trigger: 'reconcile' })

  await finishAttempt(world.deps, (await world.claim()).run, endOf(), '')

  await expect(getRun(world, id)).rejects.toThrow('run_not_found')
})

test('a comparison that a push has joined is kept', async () => {
  await using world = await createWorld()
  const id = await world.request(1, { trigger: 'reconcile' })
  await world.request(1, { trigger: 'webhook' })

  await finishAttempt(world.deps, (await world.claim()).run, endOf(), '')

  expect(await getRun(world, id)).toMatchObject({ status: 'succeeded', trigger: 'webhook' })
})

test('the database itself refuses a second waiting and a second running run', async () => {
  await using world = await createWorld()
  await world.request(1)
  await world.claim()
  const second = await world.request(1)

  const forced = world.db
    .updateTable('run')
    .set({ status: 'running' })
    .where('id', '=', runId(second))
    .execute()

  await expect(forced).rejects.toThrow(/UNIQUE/)
})

test('a run over thousands of refs keeps what happened, and not what did not', async () => {
  await using world = await createWorld()
  const id = await world.request(1)
  const refs = Array.from({ length: 2000 }, (_, number) => {
    const ref = refOf(`refs/heads/b${number}`)
    return {
      pair: { internal: ref, external: ref },
      direction: 'to_outer',
      before: shaOf(1),
      after: shaOf(2),
      result: number === 7 ? 'updated' : 'up_to_date',
      kind: null,
      reason: null,
    } as const
  })

  await finishAttempt(world.deps, (await world.claim()).run, endOf({ refs }), '')

  const run = await getRun(world, id)
  expect(run.refs).toMatchObject([{ source_ref: 'refs/heads/b7', result: 'updated' }])
})

test('a server that limits requests is left alone for a minute at least', async () => {
  await using world = await createWorld()
  await world.request(1)
  const limited = endOf({
    status: 'failed',
    canHeal: true,
    failure: { kind: 'rate_limited', side: 'external' },
  })

  await finishAttempt(world.deps, (await world.claim()).run, limited, '')

  const due = await nextDue(world.deps, world.clock.now())
  expect((due ?? 0) - world.clock.now()).toBe(60_000)
})
