import { expect, onTestFinished, test } from 'vitest'
import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts'
import { createLogger } from '../../src/log.ts'
import { claimRun } from '../../src/run/claim.ts'
import { finishAttempt } from '../../src/run/record.ts'
import type { Run } from '../../src/run/run.ts'
import { startCron } from '../../src/schedule/cron.ts'
import { updateTask } from '../../src/task/tasks.ts'
import { createWorld as createTasks, NOTHING } from '../task/world.ts'
import { endOf } from '../run/world.ts'

async function createWorld(start = Date.UTC(2026, 0, 31, 12)) {
  const tasks = await createTasks(start)
  const { db, clock, deps } = tasks
  onTestFinished(() => tasks[Symbol.asyncDispose]())
  let wakes = 0
  const triggered: string[] = []
  // The next look is set when the one before is over.
  const untilLooked = async (): Promise<void> => {
    await expect.poll(() => clock.pendingTimers(), { interval: 1 }).toBe(1)
  }
  const open = (): Promise<readonly { readonly id: number; readonly status: string }[]> =>
    db.selectFrom('run').select(['id', 'status']).where('finished_at', 'is', null).execute()
  return {
    ...tasks,
    wakes: () => wakes,
    triggered,
    /** Resolves after the first look; what it returns stops it, as a daemon that goes down. */
    start: async (timezone = 'UTC') => {
      const cron = startCron({
        ...deps,
        timezone,
        logger: createLogger('silent'),
        attemptLimit: 6,
        wakeQueue: () => void (wakes += 1),
        onTriggered: (_trx, task, run) => Promise.resolve(void triggered.push(`${task.name} ${run}`)),
      })
      onTestFinished(() => cron[Symbol.asyncDispose]())
      await untilLooked()
      return { wake: cron.wake, stop: () => cron[Symbol.asyncDispose]() }
    },
    /** Moves the clock in steps that a daemon would look after. */
    pass: async (ms: number, step = MINUTE) => {
      for (let passed = 0; passed < ms; passed += step) {
        clock.advance(step)
        await untilLooked()
      }
    },
    /** Takes the waiting run as the queue does. */
    claim: async () => {
      const claimed = await claimRun({ db, clock }, [])
      if (claimed === undefined) throw new Error('no run waits')
      return claimed.run
    },
    end: (run: Run) => finishAttempt({ db, clock }, run, endOf(), ''),
    open,
    waiting: async () => {
      const rows = await db
        .selectFrom('run')
        .select(['trigger', 'subject_name', 'queued_at'])
        .where('status', '=', 'queued')
        .orderBy('id')
        .execute()
      return rows.map((row) => `${row.trigger} ${row.subject_name} ${new Date(row.queued_at).toISOString()}`)
    },
  }
}

test('a task is asked for when its time comes, and not before', async () => {
  const world = await createWorld()
  await world.newTask({ cron: '30 12 * * *' })
  await world.start()

  await world.pass(29 * MINUTE)
  const before = await world.waiting()
  await world.pass(1 * MINUTE)
  const after = await world.waiting()

  expect(before).toEqual([])
  expect(after).toEqual(['cron task 1 2026-01-31T12:30:00.000Z'])
  expect([world.wakes(), world.triggered]).toEqual([1, ['task 1 1']])
})

test('seconds count where the expression has them', async () => {
  const world = await createWorld()
  await world.newTask({ cron: '*/10 * * * * *' })
  await world.start()

  await world.pass(10 * SECOND, SECOND)

  expect(await world.waiting()).toEqual(['cron task 1 2026-01-31T12:00:10.000Z'])
})

test('however many times were missed while the service was down, one run makes up for them', async () => {
  const world = await createWorld()
  await world.newTask({ cron: '0 * * * *' })
  const first = await world.start()
  await first.stop()
  world.clock.advance(3 * DAY + 5 * MINUTE)

  await world.start()
  const caughtUp = await world.waiting()
  await world.end(await world.claim())
  await world.pass(54 * MINUTE)
  const later = await world.waiting()
  await world.pass(1 * MINUTE)

  expect(caughtUp).toEqual(['cron task 1 2026-02-03T12:05:00.000Z'])
  expect(later).toEqual([])
  expect(await world.waiting()).toEqual(['cron task 1 2026-02-03T13:00:00.000Z'])
})

test('a run that takes long is followed by one run, not by all that came due meanwhile', async () => {
  const world = await createWorld()
  await world.newTask({ cron: '* * * * *' })
  await world.start()
  await world.pass(1 * MINUTE)
  await world.claim()

  await world.pass(30 * MINUTE)

  expect((await world.open()).map(({ status }) => status)).toEqual(['running', 'queued'])
})

test('a task that is disabled, or has no cron any more, is not asked for', async () => {
  const world = await createWorld()
  const off = await world.newTask({ cron: '* * * * *' })
  const without = await world.newTask({ cron: '* * * * *' })
  const cron = await world.start()

  await updateTask(world.deps, off.id, { ...NOTHING, enabled: false })
  await updateTask(world.deps, without.id, { ...NOTHING, cron: null })
  cron.wake()
  await world.pass(5 * MINUTE)

  expect(await world.waiting()).toEqual([])
})

test('a task that is enabled again waits for its next time', async () => {
  const world = await createWorld()
  const task = await world.newTask({ cron: '0 * * * *', enabled: false })
  await world.start()
  await world.pass(90 * MINUTE)

  await updateTask(world.deps, task.id, { ...NOTHING, enabled: true })
  await world.pass(29 * MINUTE)
  const before = await world.waiting()
  await world.pass(1 * MINUTE)

  expect(before).toEqual([])
  expect(await world.waiting()).toEqual(['cron task 1 2026-01-31T14:00:00.000Z'])
})

test('a new expression counts at once, and a new name changes no time', async () => {
  const world = await createWorld()
  const task = await world.newTask({ cron: '0 0 1 1 *' })
  const cron = await world.start()

  const renamed = await updateTask(world.deps, task.id, { ...NOTHING, name: 'renamed' })
  await updateTask(world.deps, task.id, { ...NOTHING, cron: '*/5 * * * *' })
  cron.wake()
  await world.pass(5 * MINUTE)

  expect(renamed.cronNextAt).toBe(task.cronNextAt)
  expect(await world.waiting()).toEqual(['cron renamed 2026-01-31T12:05:00.000Z'])
})

test.each([
  ['spring', '30 2 * * *', Date.UTC(2026, 2, 28, 23, 59), '2026-03-29T01:00:00.000Z'],
  ['autumn', '30 2 * * *', Date.UTC(2026, 9, 24, 23, 59), '2026-10-25T00:30:00.000Z'],
])('in the night of the change in %s a daily task runs once', async (_season, cron, start, expected) => {
  const world = await createWorld(start)
  await world.newTask({ cron, timezone: 'Europe/Berlin' })
  await world.start()

  await world.pass(6 * HOUR)

  expect(await world.waiting()).toEqual([`cron task 1 ${expected}`])
  expect(await world.open()).toHaveLength(1)
})

test('another time zone of the service counts from its next start on', async () => {
  const world = await createWorld()
  await world.newTask({ cron: '0 0 * * *' })
  const first = await world.start('UTC')
  await first.stop()

  await world.start('Asia/Shanghai')
  await world.pass(4 * HOUR)

  expect(await world.waiting()).toEqual(['cron task 1 2026-01-31T16:00:00.000Z'])
})

test('a clock that is set back puts nothing off for as long as it was wrong', async () => {
  const world = await createWorld()
  await world.newTask({ cron: '0 * * * *' })
  await world.start()
  await world.pass(1 * MINUTE)

  world.clock.set(Date.UTC(2025, 0, 31, 12, 1))
  await world.pass(59 * MINUTE)

  expect(await world.waiting()).toEqual(['cron task 1 2025-01-31T13:00:00.000Z'])
})

test('many tasks of one minute are all asked for', async () => {
  const world = await createWorld()
  for (let number = 0; number < 120; number += 1) await world.newTask({ cron: '5 * * * *' })
  await world.start()

  await world.pass(5 * MINUTE)

  expect(await world.waiting()).toHaveLength(120)
})
