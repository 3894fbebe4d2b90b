import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { createBinding } from '../../src/binding/bindings.ts'
import { matchMany } from '../../src/binding/match.ts'
import { bindingOf, openWorld } from './world.ts'

async function namesOf(
  db: Database,
  addresses: readonly string[],
  options?: { readonly foldCase: boolean },
): Promise<readonly string[]> {
  const [matches = []] = await matchMany(db, [addresses], options)
  return matches.map(({ binding, side }) => `${binding.name} ${side}`)
}

test('a delivery finds the bindings of its repository, on whichever side it is', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('a'))
  await createBinding(
    world.deps,
    bindingOf('b', {
      addresses: { internal: 'git@outer.example:team/a.git', external: 'https://third.example/team/a' },
    }),
  )

  const names = await namesOf(world.deps.db, [
    'https://outer.example/Team/A.git',
    'git@outer.example:Team/A.git',
    'https://outer.example/Team/A',
  ])

  expect(names).toEqual(['a external', 'b internal'])
})

test('each list gets its own answer, in the order of the lists', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('a', { enabled: false }))
  await createBinding(world.deps, bindingOf('b'))

  const matches = await matchMany(world.deps.db, [
    ['https://inner.example/team/b'],
    [],
    ['https://elsewhere.example/team/b', 'no address'],
    ['https://inner.example/team/a'],
  ])

  expect(matches.map((list) => list.map(({ binding }) => [binding.name, binding.enabled]))).toEqual([
    [['b', true]],
    [],
    [],
    [['a', false]],
  ])
})

test('two web ports on one host are two forges, also when both name the same ssh address', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  await createBinding(
    world.deps,
    bindingOf('web', {
      addresses: { internal: 'http://forge.example:3000/o/r', external: 'https://outer.example/o/r' },
    }),
  )
  await createBinding(
    world.deps,
    bindingOf('ssh', {
      addresses: { internal: 'ssh://git@forge.example:2222/o/r', external: 'https://outer.example/o/r2' },
    }),
  )

  const found = {
    samePort: await namesOf(db, ['http://forge.example:3000/o/r.git', 'ssh://git@forge.example:22/o/r.git']),
    otherPort: await namesOf(db, ['http://forge.example:8080/o/r.git', 'git@forge.example:o/r.git']),
    sshOnly: await namesOf(db, ['git@forge.example:o/r.git']),
  }

  expect(found).toEqual({
    samePort: ['web internal', 'ssh internal'],
    otherPort: ['ssh internal'],
    sshOnly: ['web internal', 'ssh internal'],
  })
})

test('for a plain git server the case of the path counts', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('a'))

  const names = [
    await namesOf(world.deps.db, ['https://INNER.example/team/a'], { foldCase: false }),
    await namesOf(world.deps.db, ['https://inner.example/Team/a'], { foldCase: false }),
  ]

  expect(names).toEqual([['a internal'], []])
})

test('among 100 000 bindings a group of deliveries is matched through the index', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  await createBinding(world.deps, bindingOf('template'))
  await sql`
    with recursive number(n) as (select 1 union all select n + 1 from number where n < 100000)
    insert into binding (name, enabled, internal_address, external_address, internal_host, external_host,
      granularity, direction, reconcile_at, created_at, updated_at)
    select 'repo-' || n, 1, 'https://inner.example/team/repo-' || n, 'https://outer.example/team/repo-' || n,
      'inner.example', 'outer.example', 'all', 'to_outer', 0, 0, 0 from number`.execute(db)
  await sql`
    insert into binding_address (binding_id, side, match_key, exact_key, web_port)
    select id, 'internal', 'inner.example/team/' || name, 'inner.example/team/' || name, 443 from binding
    where name like 'repo-%'`.execute(db)
  const lists = Array.from({ length: 200 }, (_, n) => [
    `https://inner.example/team/repo-${n * 500 + 1}.git`,
    `git@inner.example:team/repo-${n * 500 + 1}.git`,
    `https://inner.example/team/repo-${n * 500 + 1}`,
  ])

  const matches = await matchMany(db, lists)
  const plan = await sql<{ detail: string }>`
    explain query plan select binding.* from binding_address
    inner join binding on binding.id = binding_address.binding_id
    where match_key in ('inner.example/team/repo-1', 'inner.example/team/repo-2') order by binding.id`.execute(
    db,
  )

  expect(matches.map((list) => list.map(({ binding }) => binding.name))).toEqual(
    lists.map((_, n) => [`repo-${n * 500 + 1}`]),
  )
  const steps = plan.rows.map(({ detail }) => detail)
  expect(steps).toContainEqual(expect.stringMatching(/^SEARCH binding_address USING .*INDEX.*match_key=\?/))
  expect(steps.filter((step) => step.startsWith('SCAN'))).toEqual([])
})
