import { expect, test } from 'vitest'
import { createBinding, deleteBinding } from '../../src/binding/bindings.ts'
import {
  allowTry,
  claimTry,
  readDefaultBranches,
  recordDefaultBranches,
  recordFailedTry,
  recordImpossibleTry,
} from '../../src/binding/default-branches.ts'
import type { Wanted } from '../../src/binding/default-branches.ts'
import { updateBinding } from '../../src/binding/update.ts'
import { HOUR } from '../../src/clock.ts'
import type { BindingId } from '../../src/ids.ts'
import { refOf } from '../run/world.ts'
import { bindingOf, openWorld } from './world.ts'
import type { World } from './world.ts'

const MAIN = refOf('refs/heads/main')
const DEVELOP = refOf('refs/heads/develop')
const PROBLEM = { reason: 'forge_forbidden', detail: '没有权限 / may not', hint: null }
const DIFFERING = { shown: { internal: DEVELOP, external: MAIN }, areEqual: false }
const EQUAL = { shown: { internal: MAIN, external: MAIN }, areEqual: true }
const NO_TRIES = { internal: undefined, external: undefined }

async function bind({ deps }: World): Promise<BindingId> {
  return (await createBinding(deps, bindingOf('app'))).id
}

function follow(binding: BindingId, branch = DEVELOP): Wanted {
  return { binding, side: 'external', branch }
}

test('a difference does not forget what was equal before it, and its end forgets it', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)

  const atFirst = await readDefaultBranches(db, binding)
  await recordDefaultBranches(db, binding, EQUAL, 1)
  await recordDefaultBranches(db, binding, DIFFERING, 2)
  const differing = await readDefaultBranches(db, binding)
  await recordDefaultBranches(db, binding, EQUAL, 3)
  const equal = await readDefaultBranches(db, binding)

  expect(atFirst).toEqual({ agreed: undefined, differing: undefined, tries: NO_TRIES })
  expect(differing).toEqual({
    agreed: EQUAL.shown,
    differing: { shown: DIFFERING.shown, since: 2 },
    tries: NO_TRIES,
  })
  expect(equal).toEqual({ agreed: EQUAL.shown, differing: undefined, tries: NO_TRIES })
})

test('what a binding showed that was removed meanwhile is not kept, and holds nothing up', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)
  await recordDefaultBranches(db, binding, DIFFERING, 1)
  await deleteBinding(world.deps, 'app')

  await recordDefaultBranches(db, binding, EQUAL, 2)

  expect(await db.selectFrom('default_branch').selectAll().execute()).toEqual([])
})

test('of many who want to ask a forge for the same, one may, and nobody in the hour after', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)
  await recordDefaultBranches(db, binding, DIFFERING, 0)

  const atOnce = await Promise.all([1, 2, 3].map(() => claimTry(db, follow(binding), 10)))
  const tooEarly = await claimTry(db, follow(binding), 10 + HOUR - 1)
  const anotherBranch = await claimTry(db, follow(binding, MAIN), 20)
  const later = await claimTry(db, follow(binding, MAIN), 20 + HOUR)

  expect(atOnce.filter((until) => until !== undefined)).toEqual([10 + HOUR])
  expect([tooEarly, anotherBranch, later]).toEqual([undefined, 20 + HOUR, 20 + 2 * HOUR])
})

test('a failed try is shown with its time until the next one, or until both sides are equal', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)
  await recordDefaultBranches(db, binding, DIFFERING, 0)
  await claimTry(db, follow(binding), 10)

  await recordFailedTry(db, follow(binding), PROBLEM, 5 * HOUR)
  const failed = await readDefaultBranches(db, binding)
  await recordDefaultBranches(db, binding, EQUAL, 11)
  const equal = await readDefaultBranches(db, binding)

  const known = { wanted: DEVELOP, triedAt: 10, nextTryAt: 5 * HOUR }
  expect(failed.tries.external).toEqual({ ...known, problem: PROBLEM })
  // Whoever changes it back within the hour is not fought with.
  expect(equal.tries.external).toEqual({ ...known, problem: null })
})

test('a failure that comes after another branch is wanted does not count for that', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)
  await recordDefaultBranches(db, binding, DIFFERING, 0)
  await claimTry(db, follow(binding), 10)
  await claimTry(db, follow(binding, MAIN), 20)

  await recordFailedTry(db, follow(binding), PROBLEM, 5 * HOUR)

  const { tries } = await readDefaultBranches(db, binding)
  expect(tries.external).toEqual({ wanted: MAIN, triedAt: 20, nextTryAt: 20 + HOUR, problem: null })
})

test('what cannot even be asked is news once, and keeps nobody from asking', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)
  await recordDefaultBranches(db, binding, DIFFERING, 0)

  const first = await recordImpossibleTry(db, follow(binding), PROBLEM)
  const second = await recordImpossibleTry(db, follow(binding), PROBLEM)
  const other = await recordImpossibleTry(db, follow(binding), { ...PROBLEM, reason: 'no_access' })
  const claimed = await claimTry(db, follow(binding), 1)

  expect([first, second, other]).toEqual([true, false, true])
  expect(claimed).toBe(1 + HOUR)
})

test('new access allows another try after a failure', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const binding = await bind(world)
  await recordDefaultBranches(db, binding, DIFFERING, 0)
  await claimTry(db, follow(binding), 10)
  await recordFailedTry(db, follow(binding), PROBLEM, 5 * HOUR)

  await allowTry(db, binding, 'external')
  const claimed = await claimTry(db, follow(binding), 20)

  expect(claimed).toBe(20 + HOUR)
})

test.each([
  ['another repository', { addresses: { internal: undefined, external: 'https://outer.example/team/new' } }],
  ['other names', { rules: { rename: [{ internal: '*', external: 'vendor/*' }] } }],
])('a binding that gets %s forgets what was equal', async (_, change) => {
  await using world = await openWorld()
  const binding = await bind(world)
  await recordDefaultBranches(world.deps.db, binding, EQUAL, 1)

  await updateBinding(world.deps, 'app', change)

  expect((await readDefaultBranches(world.deps.db, binding)).agreed).toBeUndefined()
})
