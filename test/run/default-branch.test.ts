import { expect, test } from 'vitest'
import type { Binding } from '../../src/binding/binding.ts'
import { createBinding } from '../../src/binding/bindings.ts'
import { createLogger } from '../../src/log.ts'
import { followDefaults } from '../../src/run/default-branch.ts'
import type { FoundDefaults } from '../../src/run/default-branch.ts'
import { finishAttempt } from '../../src/run/record.ts'
import { readStoredLog } from '../../src/run/runs.ts'
import { bindingOf, openWorld } from '../binding/world.ts'
import { createWorld, endOf, refOf, unreachable } from './world.ts'

const MAIN = refOf('refs/heads/main')
const DEVELOP = refOf('refs/heads/develop')

const FOUND: FoundDefaults = {
  shown: { internal: DEVELOP, external: MAIN },
  look: { kind: 'differs', target: 'external', wanted: DEVELOP },
  isNew: true,
  canFollow: true,
}

test('default branches of a binding that is gone do not keep a run from being recorded', async () => {
  await using world = await createWorld()
  const id = await world.request(1, { trigger: 'reconcile' })

  await finishAttempt(world.deps, (await world.claim()).run, endOf({ defaultBranches: FOUND }), 'a line\n')

  expect(await readStoredLog(world.db, id)).toBe('a line\n')
  expect(await world.db.selectFrom('default_branch').selectAll().execute()).toEqual([])
})

test.each([
  ['ended gets its log completed', endOf({ defaultBranches: FOUND }), 'a line\nand one more\n'],
  ['waits for another try keeps its log', { ...unreachable, defaultBranches: FOUND }, 'a line\n'],
])('a run that %s', async (_, end, expected) => {
  await using world = await createWorld()
  const id = await world.request(1)
  const { run } = await world.claim()
  await finishAttempt(world.deps, run, end, 'a line\n')
  let text = 'a line\n'
  const log = { write: () => void (text += 'and one more\n'), text: () => text }
  const deps = {
    db: world.db,
    logsDetail: true,
    followDefault: () => Promise.resolve({ kind: 'done' } as const),
  }

  await followDefaults(
    deps,
    { run, end, binding: await someBinding() },
    log,
    world.deps.logger,
    AbortSignal.timeout(5000),
  )

  expect(await readStoredLog(world.db, id)).toBe(expected)
})

test('a follower that throws spoils nothing', async () => {
  await using world = await createWorld()
  const id = await world.request(1)
  const { run } = await world.claim()
  const end = endOf({ defaultBranches: FOUND })
  await finishAttempt(world.deps, run, end, 'a line\n')
  const log = { write: () => undefined, text: () => 'a line\n' }
  const deps = {
    db: world.db,
    logsDetail: true,
    followDefault: () => Promise.reject(new Error('a bug')),
  }

  await followDefaults(
    deps,
    { run, end, binding: await someBinding() },
    log,
    createLogger('silent'),
    AbortSignal.timeout(5000),
  )

  expect(await readStoredLog(world.db, id)).toBe('a line\n')
})

async function someBinding(): Promise<Binding> {
  await using world = await openWorld()
  return await createBinding(world.deps, bindingOf('app'))
}
