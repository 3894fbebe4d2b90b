import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { DAY, MINUTE } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { readRefs } from '../rig/repository.ts'

const Listed = z.object({
  data: z.object({
    items: z.array(z.looseObject({ id: z.number(), sha: z.string(), kept_until: z.string().nullable() })),
    total: z.number(),
    size_bytes: z.number(),
  }),
})

test('a backup is kept for its time and no longer, and newer ones stay', async () => {
  await using world = await startClockedDaemon({
    BACKUP_RETENTION: '90d',
    RUN_RETENTION: '1d',
    SYNC_IDLE_TIMEOUT: '0',
  })
  const app = await world.bind('app')
  const lost: string[] = []
  for (const name of ['one', 'two']) {
    lost.push(await overwrite(world, app, name))
    world.clock.advance(60 * DAY)
  }
  const before = await listed(world)

  await expect
    .poll(async () => {
      world.clock.advance(10 * MINUTE)
      return (await listed(world)).total
    })
    .toBe(1)
  const rest = await listed(world)
  const restored = await world.call(
    'POST',
    `/api/v1/bindings/app/backups/${rest.items[0]?.id ?? 0}/restore`,
    {
      as: 'rescued',
    },
  )
  const { run_id: run } = z.object({ data: z.object({ run_id: z.number() }) }).parse(restored.body).data
  await world.runEnded(run)

  expect(before.items.map(({ sha }) => sha)).toEqual([lost[1], lost[0]])
  expect(
    before.items.map(({ kept_until: until }) => Date.parse(until ?? '') - world.clock.now() > 0),
  ).toEqual([true, false])
  expect(rest.items.map(({ sha }) => sha)).toEqual([lost[1]])
  expect(rest.size_bytes).toBeGreaterThan(0)
  expect((await readRefs(app.outer.dir)).get('refs/heads/rescued')).toBe(lost[1])
})

test('the folder of backups goes with the last of them, and outlives the binding until then', async () => {
  await using world = await startClockedDaemon({ BACKUP_RETENTION: '7d' })
  const app = await world.bind('app')
  const lost = await overwrite(world, app, 'one')
  await world.call('DELETE', '/api/v1/bindings/app')
  const kept = await readRefs(join(world.dir, 'data/backups/binding-1.git'))

  world.clock.advance(8 * DAY)
  await expect
    .poll(async () => {
      world.clock.advance(10 * MINUTE)
      return (await readdir(join(world.dir, 'data/backups'))).filter((name) => name.endsWith('.git'))
    })
    .toEqual([])

  expect([...kept.values()]).toEqual([lost])
})

/** Has a forced sync overwrite a commit that only the target has; returns that commit. */
async function overwrite(
  world: ClockedDaemon,
  app: Awaited<ReturnType<ClockedDaemon['bind']>>,
  name: string,
): Promise<string> {
  const { work } = world
  await work.commit(`base ${name}`)
  await work.push(app.inner.dir, `HEAD:refs/heads/${name}`)
  const foreign = await work.commit(`foreign ${name}`)
  await work.push(app.outer.dir, `HEAD:refs/heads/${name}`)
  await work.amend(`own ${name}`)
  await work.push(app.inner.dir, `+HEAD:refs/heads/${name}`)
  await world.call('POST', '/cerobot/sync/repo/app', { force_flag: true })
  return foreign
}

async function listed(world: ClockedDaemon) {
  return Listed.parse((await world.call('GET', '/api/v1/bindings/app/backups')).body).data
}
