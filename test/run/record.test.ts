import { expect, test } from 'vitest'
import { MINUTE } from '../../src/clock.ts'
import { createRunEvents } from '../../src/run/events.ts'
import { claimRun, finishAttempt, giveBackRun, nextDue } from '../../src/run/record.ts'
import type { ClaimedRun } from '../../src/run/record.ts'
import { recoverRuns } from '../../src/run/recover.ts'
import { requestRun, waitForRun } from '../../src/run/request.ts'
import { getRun } from '../../src/run/runs.ts'
import { createLogger } from '../../src/log.ts'
import { createTestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'
import { endOf, pushOf, refOf, requestOf, runId, shaOf, unreachable } from './world.ts'

async function createWorld() {
  const database = await createTestDatabase()
  const clock = createTestClock()
  const { db } = database
  const deps = { db, clock, logger: createLogger('silent') }
  return {
    deps,
    clock,
    db,
    request: (...args: Parameters<typeof requestOf>) => requestRun(db, requestOf(...args), clock.now()),
    claim: async (busyHosts: readonly string[] = []): Promise<ClaimedRun> => {
      const claimed = await claimRun(deps, busyHosts)
      if (claimed === undefined) throw new Error('nothing to claim')
      return claimed
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

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

test('a run given back at shutdown has lost no attempt', async () => {
  await using world = await createWorld()
  const id = await world.request(1)

  await giveBackRun(world.deps, (await world.claim()).run, 'so far\n')

  expect(await getRun(world, id)).toMatchObject({ status: 'queued', attempts: 0 })
})

test('a run given back while another waits lets that one do the work', async () => {
  await using world = await createWorld()
  const first = await world.request(1, { work: [pushOf('a')] })
  const { run } = await world.claim()
  const second = await world.request(1, { work: [pushOf('b')] })

  await giveBackRun(world.deps, run, '')

  expect(await getRun(world, first)).toMatchObject({ status: 'canceled' })
  const claimed = await world.claim()
  expect(claimed.id).toBe(second)
  expect(claimed.run.work[0]?.scope).toHaveLength(2)
})

test('after a crash what was running waits again', async () => {
  await using world = await createWorld()
  const id = await world.request(1)

  for (let crash = 1; crash <= 2; crash += 1) {
    await world.claim()
    await recoverRuns(world.deps)
  }

  expect(await getRun(world, id)).toMatchObject({ status: 'queued', attempts: 0, interrupted: 2 })
  expect((await world.claim()).id).toBe(id)
})

test('from the third crash on each counts as a failed attempt, with its wait and its limit', async () => {
  await using world = await createWorld()
  const id = await world.request(1, { attemptLimit: 2 })
  const found: unknown[] = []

  for (let crash = 1; crash <= 4; crash += 1) {
    await world.claim()
    await recoverRuns(world.deps)
    const due = await nextDue(world.deps, world.clock.now())
    found.push({ ...(await getRun(world, id)), waits: due !== undefined })
    world.clock.advance(MINUTE)
  }

  expect(found.slice(1)).toMatchObject([
    { status: 'queued', attempts: 0, waits: false },
    { status: 'queued', attempts: 1, waits: true },
    { status: 'failed', attempts: 2, waits: false, code: 20012 },
  ])
})

test('crashes are remembered of a run whose work another one has taken over', async () => {
  await using world = await createWorld()
  await world.request(1)
  await world.claim()
  const second = await world.request(1)

  await recoverRuns(world.deps)

  expect(await getRun(world, second)).toMatchObject({ status: 'queued', interrupted: 1 })
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

test('whoever waits for a run gets the outcome of the attempt that served the request', async () => {
  await using world = await createWorld()
  const events = createRunEvents()
  const id = await world.request(1, { trigger: 'manual', attemptLimit: 1 })
  const { run } = await world.claim()
  const waiting = waitForRun({ db: world.db, events }, id, new AbortController().signal)

  await finishAttempt(world.deps, run, unreachable, '')
  events.attemptEnded(id)

  expect(await waiting).toMatchObject({ code: 20004, message: '连接超时' })
})

test('a manual request that joins a failed run waits for its next attempt', async () => {
  await using world = await createWorld()
  const events = createRunEvents()
  const id = await world.request(1)
  await finishAttempt(world.deps, (await world.claim()).run, unreachable, '')
  await world.request(1, { trigger: 'manual' })
  const waiting = waitForRun({ db: world.db, events }, id, new AbortController().signal)

  await finishAttempt(world.deps, (await world.claim()).run, endOf(), '')
  events.attemptEnded(id)

  expect(await waiting).toMatchObject({ code: 0 })
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
