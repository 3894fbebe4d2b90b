import { expect, test } from 'vitest'
import { z } from 'zod'
import { MINUTE, SECOND } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { pushTo, runOf } from '../rig/journey.ts'
import { git, protectBranches, readRefs } from '../rig/repository.ts'
import { branches, namesOf, remove, sync } from './deletion-world.ts'

const Backups = z.object({
  data: z.object({
    items: z.array(z.looseObject({ id: z.number(), branch: z.string(), reason: z.string() })),
  }),
})
const Conflicts = z.object({
  data: z.object({ items: z.array(z.looseObject({ branch: z.string(), kind: z.string() })) }),
})
const Requested = z.object({ data: z.object({ run_id: z.number() }) })

test('a deletion that the forge reports travels at once, after a backup, and can be taken back', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked' })
  const commit = await branches(world, app, ['main', 'topic'])
  await remove(app.inner, 'topic')

  const deleted = await world.deliver(pushTo('gitea', app.inner, 'topic', null, { before: commit }))
  const run = await world.runEnded(runOf(deleted.body))
  const [backup] = await backupsOf(world)
  const asked = await world.call('POST', `/api/v1/bindings/app/backups/${backup?.id ?? 0}/restore`)
  const after = await namesOf(app.outer)
  await world.runEnded(Requested.parse(asked.body).data.run_id)

  expect(run.refs).toMatchObject([
    { target_ref: 'refs/heads/topic', before: commit, after: null, result: 'deleted' },
  ])
  expect(after).toEqual(['main'])
  expect(backup).toMatchObject({ branch: 'topic', reason: 'deletion', by: null })
  expect(await namesOf(app.outer)).toEqual(['main', 'topic'])
})

test('without a word of the forge a deletion needs a second look, a minute later', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked' })
  await branches(world, app, ['main', 'topic'])
  await remove(app.inner, 'topic')

  await sync(world)
  const atFirst = await namesOf(app.outer)
  world.clock.advance(30 * SECOND)
  await sync(world)
  const tooEarly = await namesOf(app.outer)
  const run = await world.advanceToRun(40 * SECOND, 'app')

  expect(atFirst).toEqual(['main', 'topic'])
  expect(tooEarly).toEqual(['main', 'topic'])
  expect(run).toMatchObject({ trigger: 'reconcile', refs: [{ result: 'up_to_date' }, { result: 'deleted' }] })
  expect(await namesOf(app.outer)).toEqual(['main'])
})

test('a branch that is only hidden for a moment stays, and an old look proves nothing later', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'mirror' })
  const commit = await branches(world, app, ['main', 'topic'])
  await remove(app.inner, 'topic')
  await sync(world)
  await world.work.push(app.inner.dir, `${commit}:refs/heads/topic`)
  await sync(world)
  await remove(app.inner, 'topic')
  world.clock.advance(10 * MINUTE)

  await sync(world)

  expect(await namesOf(app.outer)).toEqual(['main', 'topic'])
})

test.each([
  ['never', ['main', 'theirs', 'topic']],
  ['tracked', ['main', 'theirs']],
  ['mirror', ['main']],
] as const)(
  'after a deletion at the source, the policy %s leaves the target %j',
  async (policy, expected) => {
    await using world = await startClockedDaemon()
    const app = await world.bind('app', { delete_policy: policy })
    const commit = await branches(world, app, ['main', 'topic'])
    await world.work.push(app.outer.dir, `${commit}:refs/heads/theirs`)
    await remove(app.inner, 'topic')

    await sync(world)
    world.clock.advance(2 * MINUTE)
    await sync(world)

    expect(await namesOf(app.outer)).toEqual(expected)
  },
)

test('a branch that got commits there while it was deleted here waits for a person', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked', direction: 'both' })
  const commit = await branches(world, app, ['main', 'topic'])
  const theirs = await world.work.commit('theirs')
  await world.work.push(app.outer.dir, `${theirs}:refs/heads/topic`)
  await remove(app.inner, 'topic')

  const deleted = await world.deliver(pushTo('gitea', app.inner, 'topic', null, { before: commit }))
  const run = await world.runEnded(runOf(deleted.body))
  const open = await conflictsOf(world)
  const asked = await world.call('POST', '/api/v1/bindings/app/conflicts/topic/resolve', { take: 'external' })
  await world.runEnded(Requested.parse(asked.body).data.run_id)

  expect(run).toMatchObject({ status: 'conflict', code: 20010 })
  expect(open).toMatchObject([{ branch: 'topic', kind: 'deletion_conflict', internal: { sha: null } }])
  expect(await readRefs(app.inner.dir)).toEqual(await readRefs(app.outer.dir))
  expect((await readRefs(app.inner.dir)).get('refs/heads/topic')).toBe(theirs)
  expect(await conflictsOf(world)).toEqual([])
})

test('a two-way binding forgets a branch that both sides deleted, and takes it when it is made anew', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked', direction: 'both' })
  const commit = await branches(world, app, ['main', 'topic'])
  await remove(app.outer, 'topic')
  const deleted = await world.deliver(pushTo('github', app.outer, 'topic', null, { before: commit }))
  await world.runEnded(runOf(deleted.body))
  const gone = await namesOf(app.inner)
  const echo = await world.deliver(pushTo('gitea', app.inner, 'topic', null, { before: commit }))
  const anew = await world.work.commit('anew')
  await world.work.push(app.inner.dir, `${anew}:refs/heads/topic`)

  const pushed = await world.deliver(pushTo('gitea', app.inner, 'topic', anew))
  await world.runEnded(runOf(pushed.body))

  expect(gone).toEqual(['main'])
  expect(echo.body).toMatchObject({ status: 'ignored', reason: 'echo' })
  expect((await readRefs(app.outer.dir)).get('refs/heads/topic')).toBe(anew)
})

test('the default branch of the target is never deleted, whatever the source does', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'mirror' })
  await branches(world, app, ['main', 'trunk'])
  await git(app.outer.dir, 'symbolic-ref', 'HEAD', 'refs/heads/trunk')
  await remove(app.inner, 'trunk')
  await sync(world)
  world.clock.advance(2 * MINUTE)

  const { body } = await sync(world)

  expect(body).toMatchObject({ code_status: 0 })
  expect(await namesOf(app.outer)).toEqual(['main', 'trunk'])
})

test('a source that suddenly shows nothing deletes nothing', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'mirror' })
  await branches(world, app, ['main', 'topic'])
  const looks: (() => Promise<unknown>)[] = [
    async () => world.inner.fault('team/app', { kind: 'html' }),
    async () => {
      world.inner.fault('team/app', { kind: 'ok' })
      for (const name of ['main', 'topic']) await remove(app.inner, name)
    },
    async () => world.work.push(app.inner.dir, 'HEAD:refs/heads/other'),
  ]

  for (const prepare of looks) {
    await prepare()
    await sync(world)
    world.clock.advance(2 * MINUTE)
    await sync(world)
  }

  // An unborn default branch is no default branch, so the last listing proves nothing either.
  expect(await namesOf(app.outer)).toEqual(['main', 'other', 'topic'])
})

test('many deletions at once wait until a person confirms them', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked' })
  const topics = Array.from({ length: 12 }, (_, number) => `topic/${number}`)
  await branches(world, app, ['main', ...topics])
  for (const topic of topics) await remove(app.inner, topic)
  await sync(world)
  world.clock.advance(2 * MINUTE)

  const { body } = await sync(world)
  const held = await conflictsOf(world)
  const list = await world.call('GET', '/api/v1/runs?binding=app&status=conflict')
  const [run] = z
    .object({ data: z.object({ items: z.array(z.object({ id: z.number() })) }) })
    .parse(list.body).data.items
  const untouched = await namesOf(app.outer)
  const confirmed = await world.call('POST', `/api/v1/runs/${run?.id ?? 0}/confirm`)
  const end = await world.runEnded(Requested.parse(confirmed.body).data.run_id)

  expect(body).toMatchObject({ code_status: 20126 })
  expect(body).toHaveProperty('hint', expect.stringContaining('confirm'))
  expect(held).toHaveLength(12)
  expect(held[0]).toMatchObject({ kind: 'held' })
  expect(untouched).toHaveLength(13)
  expect(end).toMatchObject({ status: 'succeeded' })
  expect(await namesOf(app.outer)).toEqual(['main'])
  expect(await backupsOf(world)).toHaveLength(12)
  expect(await conflictsOf(world)).toEqual([])
  expect((await world.call('POST', `/api/v1/runs/${run?.id ?? 0}/confirm`)).status).toBe(409)
})

test('a few deletions of many branches go through', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked' })
  await branches(world, app, ['main', 'a', 'b'])
  for (const name of ['a', 'b']) await remove(app.inner, name)
  await sync(world)
  world.clock.advance(2 * MINUTE)

  await sync(world)

  expect(await namesOf(app.outer)).toEqual(['main'])
})

test('a branch that the target protects stays, is said so, and fails nothing', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'tracked' })
  const commit = await branches(world, app, ['main', 'topic'])
  await protectBranches(app.outer.dir, 'topic')
  await remove(app.inner, 'topic')

  const deleted = await world.deliver(pushTo('gitea', app.inner, 'topic', null, { before: commit }))
  const run = await world.runEnded(runOf(deleted.body))

  expect(run).toMatchObject({ status: 'succeeded', refs: [{ result: 'up_to_date' }] })
  expect(run.refs[0]?.['reason']).toContain('GH006')
  expect(await namesOf(app.outer)).toEqual(['main', 'topic'])
})

async function backupsOf(world: ClockedDaemon) {
  return Backups.parse((await world.call('GET', '/api/v1/bindings/app/backups')).body).data.items
}

async function conflictsOf(world: ClockedDaemon) {
  return Conflicts.parse((await world.call('GET', '/api/v1/bindings/app/conflicts')).body).data.items
}
