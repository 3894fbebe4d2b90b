import { expect, onTestFinished, test } from 'vitest'
import { runSubjectOf } from '../../src/binding/binding.ts'
import type { Binding } from '../../src/binding/binding.ts'
import { createBinding } from '../../src/binding/bindings.ts'
import { setEnabled } from '../../src/binding/update.ts'
import { HOUR, MINUTE } from '../../src/clock.ts'
import { createVault } from '../../src/credential/vault.ts'
import { createLogger } from '../../src/log.ts'
import { claimRun } from '../../src/run/claim.ts'
import { finishAttempt } from '../../src/run/record.ts'
import { requestRun } from '../../src/run/request.ts'
import type { AttemptEnd } from '../../src/run/run.ts'
import { startReconcile } from '../../src/schedule/reconcile.ts'
import { createTestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'

const SUCCEEDED: AttemptEnd = {
  status: 'succeeded',
  code: 0,
  message: '',
  hint: null,
  detail: null,
  failure: null,
  canHeal: false,
  refs: [],
  steps: [],
  agreed: new Map(),
  missing: new Map(),
  defaultBranches: undefined,
}
const FAILED: AttemptEnd = { ...SUCCEEDED, status: 'failed', code: 20012 }

async function createWorld(intervalMs = 10 * MINUTE) {
  const { db, ...owned } = await createTestDatabase()
  const clock = createTestClock()
  const logger = createLogger('silent')
  const deps = {
    db,
    clock,
    logger,
    vault: createVault(new Uint8Array(32)),
    addressRules: { schemes: ['https'], allowLocal: false, allowsHost: () => true },
    reconcileIntervalMs: intervalMs,
  } as const
  const end = async (how: AttemptEnd): Promise<void> => {
    const claimed = await claimRun(deps, [])
    if (claimed === undefined) throw new Error('no run waits')
    await finishAttempt(deps, claimed.run, how, '')
  }
  // The next look is set when the one before is over.
  const untilLooked = async (): Promise<void> => {
    await expect.poll(() => clock.pendingTimers()).toBe(1)
  }
  onTestFinished(() => owned[Symbol.asyncDispose]())
  return {
    db,
    clock,
    /** Resolves after the first look. */
    start: async () => {
      const reconcile = startReconcile({
        ...deps,
        intervalMs,
        attemptLimit: 6,
        wakeQueue: () => {},
        random: () => 0.5,
      })
      onTestFinished(() => reconcile[Symbol.asyncDispose]())
      if (intervalMs > 0) await untilLooked()
    },
    /** Moves the clock to one look after the other. */
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += MINUTE) {
        clock.advance(MINUTE)
        await untilLooked()
      }
    },
    /** A run that a push has asked for, up to its end. */
    sync: async (binding: Binding) => {
      const work = [{ direction: 'to_outer', scope: 'all', force: false, named: false }] as const
      await requestRun(
        db,
        { of: runSubjectOf(binding), trigger: 'webhook', work, attemptLimit: 6 },
        clock.now(),
      )
      await end(SUCCEEDED)
    },
    bind: (name: string, host = 'inner.example') =>
      createBinding(deps, {
        name,
        enabled: true,
        granularity: 'all',
        direction: 'both',
        addresses: {
          internal: `https://${host}/team/${name}.git`,
          external: `https://outer-${name}.example/team/app.git`,
        },
        tokens: { internal: undefined, external: undefined },
      }),
    disable: (name: string) => setEnabled(deps, name, false),
    end,
    waiting: async () => {
      const rows = await db
        .selectFrom('run')
        .select(['subject_name', 'trigger'])
        .where('status', '=', 'queued')
        .execute()
      return rows.map((row) => `${row.trigger} ${row.subject_name}`)
    },
    dueIn: async (name: string) => {
      const row = await db
        .selectFrom('binding')
        .select('reconcile_at')
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      return row.reconcile_at - clock.now()
    },
  }
}

test('at the start every enabled binding is compared, however recently that was done', async () => {
  const world = await createWorld()
  await world.bind('app')
  await world.bind('off')
  await world.disable('off')

  await world.start()

  expect(await world.waiting()).toEqual(['reconcile app'])
})

test('what sleeps is compared once an hour, and what changes is compared soon', async () => {
  const world = await createWorld()
  const app = await world.bind('app')
  world.clock.advance(5 * HOUR)
  await world.start()
  await world.end(SUCCEEDED)

  const asleep = await world.dueIn('app')
  await world.sync(app)
  await world.pass(1 * MINUTE)
  const changed = await world.dueIn('app')
  await world.pass(1 * MINUTE)

  expect([asleep, changed]).toEqual([1 * HOUR, 1 * MINUTE])
  expect(await world.waiting()).toEqual(['reconcile app'])
})

test('a comparison that failed is tried again after twice the time, until one succeeds', async () => {
  const world = await createWorld()
  await world.bind('app')
  await world.start()

  const first = await world.dueIn('app')
  await world.end(FAILED)
  await world.pass(first)
  const second = await world.dueIn('app')
  await world.end(FAILED)
  await world.pass(second)
  const third = await world.dueIn('app')
  await world.end(SUCCEEDED)
  await world.pass(third)
  const healed = await world.dueIn('app')

  expect([first, second, third]).toEqual([1 * MINUTE, 2 * MINUTE, 4 * MINUTE])
  expect(healed).toBeLessThan(third)
})

test('a host with many bindings has its share at every look, and the others do not wait for it', async () => {
  const world = await createWorld()
  for (let number = 0; number < 70; number += 1) await world.bind(`crowd-${number}`)
  await world.bind('alone', 'other.example')

  await world.start()
  const first = await world.waiting()
  await world.pass(1 * MINUTE)
  const second = await world.waiting()

  expect(first).toHaveLength(61)
  expect(first).toContain('reconcile alone')
  expect(second).toHaveLength(71)
})

test('an interval of 0 asks for nothing', async () => {
  const world = await createWorld(0)
  await world.bind('app')

  await world.start()

  expect([await world.waiting(), world.clock.pendingTimers()]).toEqual([[], 0])
})
