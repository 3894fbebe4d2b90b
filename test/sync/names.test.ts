import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Sha } from '../../src/git/refs.ts'
import { rules } from './comparison.ts'
import { createWorld, results } from './world.ts'

// Git takes any bytes for the name of a ref; those that are no UTF-8 cannot be named in the forges' JSON, nor here.

test.each([
  { what: 'without git', relays: true, many: 0 },
  { what: 'by git', relays: false, many: 0 },
  { what: 'by git, among so many that all are fetched', relays: false, many: 150 },
])('a ref whose name is not UTF-8 is left out where refs are listed $what', async ({ relays, many }) => {
  await using world = await createWorld({ relays })
  const names = ['main', 'café', ...Array.from({ length: many }, (_, number) => `topic/${number}`)]
  const first = await world.work.commit('first')
  await world.branches('internal', names, first)
  await writeLatin1(world.repositories.internal.dir, first)

  const outcome = await world.sync()
  const lines = [...world.lines]
  const next = await world.sync()

  expect(outcome.failure).toBeUndefined()
  expect(results(outcome)).toEqual(Object.fromEntries(names.map((name) => [name, 'created'])))
  expect(Object.keys(await world.heads('external')).toSorted()).toEqual(names.toSorted())
  expect(lines.filter((line) => line.includes('left out on internal'))).toEqual([
    expect.stringMatching(/UTF-8: refs\/heads\/caf\uFFFD$/),
  ])
  expect(results(next)).toMatchObject({ main: 'up_to_date' })
})

test('a ref whose name is not UTF-8 stays where only the target has it', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  for (const side of ['internal', 'external'] as const) await world.push(side, 'main')
  await writeLatin1(world.repositories.external.dir, first)

  const outcome = await world.sync({ rules: rules({ deletePolicy: 'mirror' }) })

  expect(results(outcome)).toEqual({ main: 'up_to_date' })
  expect(Object.keys(await world.heads('external'))).toEqual(['caf\uFFFD', 'main'])
})

/** A branch that somebody with an old terminal has called café. */
async function writeLatin1(dir: string, sha: Sha): Promise<void> {
  const path = Buffer.concat([Buffer.from(`${dir}/refs/heads/`), Buffer.from('caf\u00e9', 'latin1')])
  await writeFile(path, `${sha}\n`)
}
