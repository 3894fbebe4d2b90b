import { join } from 'node:path'
import { expect, test } from 'vitest'
import { headOf, listRuns, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { readRefs } from '../rig/repository.ts'

test('a commit that only the target has stops the sync, until a person allows to overwrite it', async () => {
  await using journey = await startJourney()
  const { daemon } = journey
  const app = await journey.bind('app')
  const { own, foreign } = await divergeOn(journey, app, 'main')

  const pushed = await daemon.deliver(pushTo('gitea', app.inner, 'main', own))
  const run = await daemon.runEnded(runOf(pushed.body))
  const asked = await daemon.call('POST', '/cerobot/sync/repo/app')
  const untouched = await headOf(app.outer, 'main')
  const forced = await daemon.call('POST', '/cerobot/sync/repo/app', { force_flag: true })

  expect(run).toMatchObject({
    status: 'conflict',
    code: 20010,
    message: '推送冲突',
    attempts: 1,
    refs: [{ target_ref: 'refs/heads/main', after: own, result: 'conflict' }],
  })
  expect(run.hint).toContain('force_flag=true')
  expect(asked.body).toMatchObject({ code_status: 20010, msg: '推送冲突' })
  expect(untouched).toBe(foreign)
  expect(forced.body).toMatchObject({ code_status: 0 })
  expect(await headOf(app.outer, 'main')).toBe(own)
  const backups = await readRefs(join(journey.folder.path, 'data/backups/binding-1.git'))
  expect([...backups.values()]).toEqual([foreign])
})

test('a conflict on one branch does not stop the others', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  const { own, foreign } = await divergeOn(journey, app, 'main')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/free')

  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(body).toMatchObject({ code_status: 20010 })
  expect(await headOf(app.outer, 'main')).toBe(foreign)
  expect(await headOf(app.outer, 'free')).toBe(own)
})

test('both sides of a two-way binding keep what they have when both have moved', async () => {
  await using journey = await startJourney()
  const { daemon } = journey
  const app = await journey.bind('app', { sync_direction: 3 })
  const { own, foreign } = await divergeOn(journey, app, 'main')

  const inside = await daemon.deliver(pushTo('gitea', app.inner, 'main', own))
  const outside = await daemon.deliver(pushTo('github', app.outer, 'main', foreign))
  const runs = [await daemon.runEnded(runOf(inside.body)), await daemon.runEnded(runOf(outside.body))]

  expect(runs.map(({ status }) => status)).toEqual(['conflict', 'conflict'])
  expect(await headOf(app.inner, 'main')).toBe(own)
  expect(await headOf(app.outer, 'main')).toBe(foreign)
})

test('a branch that the source does not have is named, and the target keeps its own', async () => {
  await using journey = await startJourney()
  const { daemon } = journey
  const app = await journey.bind('app', { sync_granularity: 2 })
  await daemon.call('POST', '/cerobot/sync/app/branch', {
    enable: true,
    internal_branch_name: 'missing',
    external_branch_name: 'main',
  })
  const commit = await journey.work.commit('only outside')
  await journey.work.push(app.outer.dir, 'HEAD:refs/heads/main')

  const { body } = await daemon.call('POST', '/cerobot/sync/app/branch/missing', { sync_direct: 1 })

  expect(body).toMatchObject({ code_status: 20009, msg: '分支不存在' })
  expect(body).toHaveProperty('detail', expect.stringContaining('missing'))
  expect((await listRuns(daemon))[0]).toMatchObject({ status: 'failed', code: 20009 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

/** A branch that was equal and then got a commit of its own on each side. */
async function divergeOn(journey: Journey, app: BoundPair, branch: string) {
  const { work } = journey
  const ref = `refs/heads/${branch}`
  await work.commit('base')
  await work.push(app.inner.dir, `HEAD:${ref}`)
  await work.push(app.outer.dir, `HEAD:${ref}`)
  await work.branch('foreign')
  const foreign = await work.commit('foreign')
  await work.push(app.outer.dir, `HEAD:${ref}`)
  await work.branch('own', 'HEAD~1')
  const own = await work.commit('own')
  await work.push(app.inner.dir, `HEAD:${ref}`)
  return { own, foreign }
}
