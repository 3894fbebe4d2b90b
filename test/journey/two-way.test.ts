import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../rig/daemon.ts'
import { headOf, listRuns, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { git, readRefs } from '../rig/repository.ts'

const Requested = z.object({ data: z.object({ run_id: z.number() }) })
const Side = z.object({
  sha: z.string().nullable(),
  ahead: z.number().nullable(),
  commits: z.array(z.object({ sha: z.string(), author: z.string(), date: z.string(), subject: z.string() })),
})
const Conflict = z.looseObject({
  branch: z.string(),
  kind: z.string(),
  internal: Side,
  external: Side,
  merge_base: z.string().nullable(),
  closed_because: z.string().nullable(),
})
const Conflicts = z.object({ data: z.object({ items: z.array(Conflict), total: z.number() }) })
const Backups = z.object({
  data: z.object({
    items: z.array(z.looseObject({ id: z.number(), side: z.string(), branch: z.string(), sha: z.string() })),
    size_bytes: z.number(),
  }),
})

test('people on both sides: each side gets what the other one pushed, and no push comes back', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app', { sync_direction: 3 })
  const first = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await deliverAndSettle(daemon, pushTo('gitea', app.inner, 'main', first))
  const second = await work.commit('second')
  await work.push(app.outer.dir, 'HEAD:refs/heads/main')

  await deliverAndSettle(daemon, pushTo('github', app.outer, 'main', second, { before: first }))
  const runs = (await listRuns(daemon)).length
  const echo = await daemon.deliver(pushTo('gitea', app.inner, 'main', second, { before: first }))
  const late = await daemon.deliver(pushTo('github', app.outer, 'main', first))
  const afterLate = await daemon.runEnded(runOf(late.body))

  expect(await headOf(app.inner, 'main')).toBe(second)
  expect(echo.body).toMatchObject({ status: 'ignored', reason: 'echo' })
  // What a forge says too late is looked at once, and found done.
  expect(afterLate).toMatchObject({ status: 'succeeded', refs: [{ result: 'up_to_date' }] })
  expect((await listRuns(daemon)).length).toBe(runs + 1)
  expect(await headOf(app.outer, 'main')).toBe(second)
})

test('a conflict shows what is at stake on each side, and other branches go on', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app', { sync_direction: 3 })
  const { base, own, foreign } = await diverge(journey, app)
  await journey.work.push(app.inner.dir, `${own}:refs/heads/free`)

  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(body).toMatchObject({ code_status: 20010 })
  expect(await headOf(app.outer, 'free')).toBe(own)
  const [conflict, ...others] = await conflictsOf(journey.daemon)
  expect(others).toEqual([])
  expect(conflict).toMatchObject({
    branch: 'main',
    kind: 'non_fast_forward',
    merge_base: base,
    internal: { sha: own, ahead: 1, commits: [{ sha: own, author: 'Ada', subject: 'own' }] },
    external: { sha: foreign, ahead: 2, commits: [{ subject: 'foreign' }, { subject: 'foreign too' }] },
    closed_because: null,
  })
})

test.each(['internal', 'external'] as const)('taking the %s side ends a conflict', async (take) => {
  await using journey = await startJourney()
  const { daemon } = journey
  const app = await journey.bind('app', { sync_direction: 3 })
  const { own, foreign } = await diverge(journey, app)
  await daemon.call('POST', '/cerobot/sync/repo/app')
  const [winner, loser] = take === 'internal' ? [own, foreign] : [foreign, own]

  const asked = await daemon.call('POST', '/api/v1/bindings/app/conflicts/main/resolve', {
    take,
    internal: own,
    external: foreign,
  })
  const run = await daemon.runEnded(Requested.parse(asked.body).data.run_id)

  expect(asked.status).toBe(202)
  expect(run).toMatchObject({ status: 'succeeded', trigger: 'manual', requested_by: 'local' })
  expect(await headOf(app.inner, 'main')).toBe(winner)
  expect(await headOf(app.outer, 'main')).toBe(winner)
  expect(await conflictsOf(daemon)).toEqual([])
  expect(await conflictsOf(daemon, 'closed')).toMatchObject([{ branch: 'main', closed_because: 'equal' }])
  const { items, size_bytes: size } = await backupsOf(daemon)
  expect(items).toMatchObject([
    {
      side: take === 'internal' ? 'external' : 'internal',
      branch: 'main',
      sha: loser,
      reason: 'resolve',
      by: 'local',
    },
  ])
  expect(size).toBeGreaterThan(0)
})

test('a merge that somebody pushes ends a conflict by itself', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app', { sync_direction: 3 })
  const { own, foreign } = await diverge(journey, app)
  await daemon.call('POST', '/cerobot/sync/repo/app')
  await git(work.dir, 'checkout', '--quiet', '--detach', own)
  await git(work.dir, 'merge', '--quiet', '--no-edit', foreign)
  const merge = await work.resolve('HEAD')
  await work.push(app.outer.dir, `${merge}:refs/heads/main`)

  await deliverAndSettle(daemon, pushTo('github', app.outer, 'main', merge, { before: foreign }))

  expect(await headOf(app.inner, 'main')).toBe(merge)
  expect(await conflictsOf(daemon)).toEqual([])
  expect((await backupsOf(daemon)).items).toEqual([])
})

test('a decision about heads that have moved does nothing, and says so', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app', { sync_direction: 3 })
  const { own, foreign } = await diverge(journey, app)
  await daemon.call('POST', '/cerobot/sync/repo/app')
  await work.checkout('foreign')
  const later = await work.commit('later')
  await work.push(app.outer.dir, 'HEAD:refs/heads/main')

  const stale = await daemon.call('POST', '/api/v1/bindings/app/conflicts/main/resolve', {
    take: 'internal',
    internal: own,
    external: later,
  })
  const asked = await daemon.call('POST', '/api/v1/bindings/app/conflicts/main/resolve', { take: 'internal' })
  const run = await daemon.runEnded(Requested.parse(asked.body).data.run_id)

  expect(stale.status).toBe(409)
  expect(run).toMatchObject({ status: 'conflict', refs: [{ result: 'conflict' }] })
  expect(run.refs[0]?.['reason']).toContain('look again')
  expect(await headOf(app.outer, 'main')).toBe(later)
  expect(await conflictsOf(daemon)).toMatchObject([
    { internal: { sha: own }, external: { sha: later, ahead: 3 } },
  ])
  expect((await backupsOf(daemon)).items).toEqual([])
  expect(foreign).not.toBe(later)
})

test('what was overwritten comes back, in its place or beside it', async () => {
  await using journey = await startJourney()
  const { daemon } = journey
  const app = await journey.bind('app')
  const { own, foreign } = await diverge(journey, app)
  await daemon.call('POST', '/cerobot/sync/repo/app', { force_flag: true })
  const [backup] = (await backupsOf(daemon)).items
  const path = `/api/v1/bindings/app/backups/${backup?.id ?? 0}/restore`

  const beside = await daemon.call('POST', path, { as: 'rescued/main' })
  await daemon.runEnded(Requested.parse(beside.body).data.run_id)
  const inPlace = await daemon.call('POST', path)
  const run = await daemon.runEnded(Requested.parse(inPlace.body).data.run_id)

  expect(backup).toMatchObject({ sha: foreign, reason: 'force' })
  expect(run).toMatchObject({
    status: 'succeeded',
    refs: [{ before: own, after: foreign, result: 'updated' }],
  })
  expect(await readRefs(app.outer.dir)).toEqual(
    new Map([
      ['refs/heads/main', foreign],
      ['refs/heads/rescued/main', foreign],
    ]),
  )
  expect((await backupsOf(daemon)).items).toMatchObject([{ sha: own, reason: 'restore' }, { sha: foreign }])
  expect((await daemon.call('POST', '/cerobot/sync/repo/app')).body).toMatchObject({ code_status: 20010 })
})

test('what cannot be decided is refused with what to do instead', async () => {
  await using journey = await startJourney()
  const { daemon } = journey
  await journey.bind('app', { sync_direction: 3 })
  const bindings = '/api/v1/bindings'

  const answers = [
    await daemon.call('POST', `${bindings}/app/conflicts/main/resolve`, { take: 'internal' }),
    await daemon.call('POST', `${bindings}/app/conflicts/main/resolve`, { take: 'nobody' }),
    await daemon.call('POST', `${bindings}/app/backups/7/restore`),
    await daemon.call('POST', `${bindings}/app/sync`, { force: true }),
    await daemon.call('POST', `${bindings}/none/sync`),
    await daemon.call('GET', `${bindings}/none/conflicts`),
    await daemon.call('POST', '/api/v1/runs/1/confirm'),
  ]

  expect(answers.map(({ status }) => status)).toEqual([404, 400, 404, 400, 404, 404, 404])
  for (const { body } of answers) expect(body).toHaveProperty('detail', expect.stringMatching(/ \/ /))
})

/** `main` was equal and then got one commit inside and two outside. */
async function diverge({ work }: Journey, app: BoundPair) {
  const base = await work.commit('base')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await work.push(app.outer.dir, 'HEAD:refs/heads/main')
  await work.branch('foreign')
  await work.commit('foreign too')
  const foreign = await work.commit('foreign')
  await work.push(app.outer.dir, 'HEAD:refs/heads/main')
  await work.branch('own', base)
  const own = await work.commit('own')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  return { base, own, foreign }
}

async function deliverAndSettle(
  daemon: DaemonProcess,
  sent: Parameters<DaemonProcess['deliver']>[0],
): Promise<void> {
  const { body } = await daemon.deliver(sent)
  await daemon.runEnded(runOf(body))
}

async function conflictsOf(daemon: DaemonProcess, state = 'open') {
  const { body } = await daemon.call('GET', `/api/v1/bindings/app/conflicts?state=${state}`)
  return Conflicts.parse(body).data.items
}

async function backupsOf(daemon: DaemonProcess) {
  const { body } = await daemon.call('GET', '/api/v1/bindings/app/backups')
  return Backups.parse(body).data
}
