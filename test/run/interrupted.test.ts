import { expect, test } from 'vitest'
import { MINUTE } from '../../src/clock.ts'
import { createRunEvents } from '../../src/run/events.ts'
import { nextDue } from '../../src/run/claim.ts'
import { finishAttempt, giveBackRun } from '../../src/run/record.ts'
import { recoverRuns } from '../../src/run/recover.ts'
import { waitForRun } from '../../src/run/request.ts'
import { getRun } from '../../src/run/runs.ts'
import { createWorld, endOf, pushOf, unreachable } from './world.ts'

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
