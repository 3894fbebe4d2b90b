import { expect, test } from 'vitest'
import { bindingSubject } from '../../src/binding/binding.ts'
import { createBinding, deleteBinding, getBinding } from '../../src/binding/bindings.ts'
import { setEnabled } from '../../src/binding/update.ts'
import {
  bindingToSync,
  branchesOf,
  branchToSync,
  createBranch,
  deleteBranch,
  listBranches,
  setBranchEnabled,
} from '../../src/binding/branches.ts'
import type { Direction } from '../../src/binding/binding.ts'
import { bindingOf, openWorld, reasonOf } from './world.ts'
import type { World } from './world.ts'

const FIRST_PAGE = { page: 1, pageSize: 10, newestFirst: true }

async function bind(world: World, direction: Direction = 'to_outer'): Promise<void> {
  await createBinding(world.deps, bindingOf('app', { granularity: 'one', direction }))
}

function pair(internalBranch: string, externalBranch = internalBranch, enabled = true) {
  return { internalBranch, externalBranch, enabled }
}

test('branches are bound under their full names, and listed', async () => {
  await using world = await openWorld()
  await bind(world)

  const created = await createBranch(world.deps, 'app', pair('feature/a', '发布/a'))
  await createBranch(world.deps, 'app', pair('main', 'main', false))

  expect(created).toEqual({
    id: 1,
    bindingId: 1,
    enabled: true,
    internalBranch: 'feature/a',
    externalBranch: '发布/a',
    createdAt: world.clock.now(),
  })
  const { branches, total } = await listBranches(world.deps, 'app', FIRST_PAGE)
  expect(branches.map(({ internalBranch }) => internalBranch)).toEqual(['main', 'feature/a'])
  expect(total).toBe(2)
})

test('a refusal names the branch that is bound already, which may be that of the other side', async () => {
  await using world = await openWorld()
  await bind(world)
  await createBranch(world.deps, 'app', pair('main', 'upstream'))

  const external = createBranch(world.deps, 'app', pair('dev', 'upstream'))
  const internal = createBranch(world.deps, 'app', pair('main', 'other'))

  await expect(external).rejects.toThrow('the external branch "upstream" is bound already')
  await expect(internal).rejects.toThrow('the internal branch "main" is bound already')
})

test('a branch is bound once per side', async () => {
  await using world = await openWorld()
  await bind(world)
  await createBranch(world.deps, 'app', pair('a', 'b'))

  const reasons = [
    await reasonOf(createBranch(world.deps, 'app', pair('a', 'c'))),
    await reasonOf(createBranch(world.deps, 'app', pair('c', 'b'))),
    await reasonOf(createBranch(world.deps, 'app', pair('b', 'a'))),
  ]

  expect(reasons).toEqual(['branch_exists', 'branch_exists', 'nothing was thrown'])
})

test.each([
  '',
  '-x',
  '--upload-pack=x',
  'HEAD',
  'a..b',
  'a b',
  'a:b',
  'a\u0000',
  '/a',
  'a/',
  'a.lock',
  '@{x}',
])('the branch name %j is refused', async (name) => {
  await using world = await openWorld()
  await bind(world)

  const reasons = [
    await reasonOf(createBranch(world.deps, 'app', pair(name, 'main'))),
    await reasonOf(createBranch(world.deps, 'app', pair('main', name))),
  ]

  expect(reasons).toEqual(['branch_name', 'branch_name'])
})

test('a binding of the whole repository has no branches', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('app'))

  const reasons = [
    await reasonOf(createBranch(world.deps, 'app', pair('main'))),
    await reasonOf(listBranches(world.deps, 'app', FIRST_PAGE)),
    await reasonOf(setBranchEnabled(world.deps, 'app', 'main', true)),
    await reasonOf(branchToSync(world.deps, 'app', 'main', 'to_outer')),
    await reasonOf(deleteBranch(world.deps, 'app', 'main')),
  ]

  expect(reasons).toEqual([
    'whole_repository_add',
    'whole_repository_read',
    'whole_repository_read',
    'whole_repository_read',
    'whole_repository_remove',
  ])
})

test('nothing is known of the branches of an unknown binding', async () => {
  await using world = await openWorld()

  const reasons = [
    await reasonOf(createBranch(world.deps, 'other', pair('-x'))),
    await reasonOf(listBranches(world.deps, 'other', FIRST_PAGE)),
    await reasonOf(setBranchEnabled(world.deps, 'other', 'main', true)),
    await reasonOf(deleteBranch(world.deps, 'other', 'main')),
    await reasonOf(branchToSync(world.deps, 'other', 'main', 'to_outer')),
    await reasonOf(bindingToSync(world.deps, 'other')),
  ]

  expect(new Set(reasons)).toEqual(new Set(['binding_unknown']))
})

test.each([
  ['to_outer', ['inner', 'shared'], ['outer']],
  ['to_inter', ['outer', 'shared'], ['inner']],
  ['both', ['inner', 'outer', 'shared'], []],
] as const)(
  'with the direction %s a branch is named by its source side',
  async (direction, known, unknown) => {
    await using world = await openWorld()
    await bind(world, direction)
    await createBranch(world.deps, 'app', pair('inner', 'outer'))
    await createBranch(world.deps, 'app', pair('shared'))

    const reasons: string[] = []
    for (const name of [...known, ...unknown]) {
      reasons.push(await reasonOf(setBranchEnabled(world.deps, 'app', name, false)))
    }

    expect(reasons).toEqual([
      ...known.map(() => 'nothing was thrown'),
      ...unknown.map(() => 'branch_unknown'),
    ])
  },
)

test('enabling a branch enables its binding, disabling one does not disable it', async () => {
  await using world = await openWorld()
  await bind(world)
  await createBranch(world.deps, 'app', pair('main', 'main', false))
  await setEnabled(world.deps, 'app', false)

  await setBranchEnabled(world.deps, 'app', 'main', true)
  const enabled = await getBinding(world.deps.db, 'app')
  await setBranchEnabled(world.deps, 'app', 'main', false)

  expect([enabled.enabled, (await getBinding(world.deps.db, 'app')).enabled]).toEqual([true, true])
})

test('a deleted branch forgets what was agreed, and only that', async () => {
  await using world = await openWorld()
  await bind(world)
  const { id } = await getBinding(world.deps.db, 'app')
  await createBranch(world.deps, 'app', pair('a', 'b'))
  await createBranch(world.deps, 'app', pair('c'))
  await world.deps.db
    .insertInto('agreed_ref')
    .values(
      ['a', 'c'].map((name) => ({
        subject: bindingSubject(id),
        ref: `refs/heads/${name}`,
        sha: 'a'.repeat(40),
        agreed_at: 0,
      })),
    )
    .execute()

  await deleteBranch(world.deps, 'app', 'a')

  expect(await reasonOf(deleteBranch(world.deps, 'app', 'a'))).toBe('branch_unknown')
  expect(await world.deps.db.selectFrom('agreed_ref').select('ref').execute()).toEqual([
    { ref: 'refs/heads/c' },
  ])
  expect((await branchesOf(world.deps.db, [id])).map(({ internalBranch }) => internalBranch)).toEqual(['c'])
})

test('branch bindings go with their binding', async () => {
  await using world = await openWorld()
  await bind(world)
  await createBranch(world.deps, 'app', pair('main'))

  await deleteBinding(world.deps, 'app')

  expect(await world.deps.db.selectFrom('branch_binding').selectAll().execute()).toEqual([])
})

test('a sync of the binding covers its enabled branches', async () => {
  await using world = await openWorld()
  await bind(world)
  const empty = await reasonOf(bindingToSync(world.deps, 'app'))
  await createBranch(world.deps, 'app', pair('a', 'b'))
  await createBranch(world.deps, 'app', pair('c', 'c', false))

  const { scope } = await bindingToSync(world.deps, 'app')
  await setEnabled(world.deps, 'app', false)

  expect(empty).toBe('no_branch_enabled')
  expect(scope).toEqual([{ internal: 'refs/heads/a', external: 'refs/heads/b', branchId: 1 }])
  expect(await reasonOf(bindingToSync(world.deps, 'app'))).toBe('binding_disabled')
})

test('a sync of a branch names it by the side it copies from', async () => {
  await using world = await openWorld()
  await bind(world)
  await createBranch(world.deps, 'app', pair('a', 'b'))
  await createBranch(world.deps, 'app', pair('c', 'c', false))

  const outward = await branchToSync(world.deps, 'app', 'a', 'to_outer')
  const inward = await branchToSync(world.deps, 'app', 'b', 'to_inter')
  const reasons = [
    await reasonOf(branchToSync(world.deps, 'app', 'b', 'to_outer')),
    await reasonOf(branchToSync(world.deps, 'app', 'c', 'to_outer')),
  ]

  expect(inward.scope).toEqual(outward.scope)
  expect(reasons).toEqual(['branch_unknown', 'branch_disabled'])
})
