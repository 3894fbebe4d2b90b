import { expect, test } from 'vitest'
import { z } from 'zod'
import { MINUTE } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { pushTo } from '../rig/journey.ts'
import { git, installHook, readRefs } from '../rig/repository.ts'

// What people can find out without changing anything.

const Requested = z.object({ data: z.object({ run_id: z.number() }) })

test('the status shows every ref with both heads, and how far they are apart', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { direction: 'both' })
  const { work } = world
  const base = await work.commit('base')
  await work.push(
    app.inner.dir,
    ...['equal', 'main', 'inside', 'outside', 'split'].map((name) => `HEAD:refs/heads/${name}`),
  )
  await world.call('POST', '/cerobot/sync/repo/app')
  const one = await work.commit('one')
  await work.push(app.inner.dir, 'HEAD:refs/heads/inside', 'HEAD:refs/heads/split', 'HEAD:refs/heads/new')
  await work.branch('other', base)
  await work.commit('two')
  const three = await work.commit('three')
  await work.push(app.outer.dir, 'HEAD:refs/heads/outside', 'HEAD:refs/heads/split', 'HEAD:refs/tags/theirs')

  const { body } = await world.call('GET', '/api/v1/bindings/app/status')
  const filtered = await world.call('GET', '/api/v1/bindings/app/status?state=diverged&page_size=1')

  expect(body).toMatchObject({
    data: {
      internal: { reachable: true, default_branch: 'main', problem: null },
      default_branches_equal: true,
      counts: {
        in_sync: 2,
        internal_ahead: 1,
        external_ahead: 1,
        diverged: 1,
        only_internal: 1,
        only_external: 1,
      },
      last_run: { status: 'succeeded' },
      total: 7,
    },
  })
  const States = z.object({ data: z.object({ refs: z.array(z.looseObject({ internal_ref: z.string() })) }) })
  const refs = new Map(States.parse(body).data.refs.map((ref) => [ref.internal_ref, ref]))
  expect(refs.get('refs/heads/inside')).toMatchObject({
    state: 'internal_ahead',
    internal: one,
    external: base,
    internal_ahead: 1,
    external_ahead: 0,
  })
  expect(refs.get('refs/heads/outside')).toMatchObject({ state: 'external_ahead', external_ahead: 2 })
  expect(refs.get('refs/heads/new')).toMatchObject({ state: 'only_internal', external: null })
  expect(filtered.body).toMatchObject({
    data: {
      total: 1,
      refs: [
        {
          internal_ref: 'refs/heads/split',
          internal: one,
          external: three,
          internal_ahead: 1,
          external_ahead: 2,
        },
      ],
    },
  })
})

test('the status tells how long a push has been waiting', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await world.call('POST', '/cerobot/sync/repo/app')
  const equal = await world.call('GET', '/api/v1/bindings/app/status')
  const second = await world.work.commit('second')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await installHook(app.outer.dir, 'pre-receive', 'exit 1')
  world.clock.advance(MINUTE)
  const { body } = await world.deliver(pushTo('gitea', app.inner, 'main', second, { before: commit }))
  const [run = 0] = z.object({ runs: z.array(z.number()) }).parse(body).runs
  await world.runEnded(run)
  world.clock.advance(5 * MINUTE)

  const behind = await world.call('GET', '/api/v1/bindings/app/status')

  expect(equal.body).toMatchObject({ data: { lag_ms: 0 } })
  expect(behind.body).toMatchObject({
    data: { lag_ms: 5 * MINUTE, counts: { internal_ahead: 1 }, last_delivery: { status: 'accepted' } },
  })
})

test('a side that cannot be reached is said so, and the other one is shown', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('team/app', { kind: 'status', status: 403 })

  const { status, body } = await world.call('GET', '/api/v1/bindings/app/status')

  expect(status).toBe(200)
  expect(body).toMatchObject({
    data: {
      internal: { reachable: true, refs: 1 },
      external: { reachable: false, problem: { kind: 'auth', code: 20005 } },
      refs: [],
    },
  })
})

test('a dry run tells what would happen, and nothing happens', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'mirror' })
  const { work } = world
  const base = await work.commit('base')
  await work.push(
    app.inner.dir,
    ...['main', 'forward', 'split', 'equal'].map((name) => `HEAD:refs/heads/${name}`),
  )
  await world.call('POST', '/cerobot/sync/repo/app')
  await work.commit('one')
  await work.push(app.inner.dir, 'HEAD:refs/heads/forward', 'HEAD:refs/heads/split', 'HEAD:refs/heads/new')
  await work.branch('other', base)
  await work.commit('two')
  await work.push(app.outer.dir, 'HEAD:refs/heads/split')
  const before = await readRefs(app.outer.dir)
  const mirror = await readRefs(`${world.dir}/sync/binding-1.git`)

  const plain = await dryRun(world, {})
  const forced = await dryRun(world, { force: true })

  expect(plain).toMatchObject({ dry_run: true, status: 'conflict', requested_by: 'local' })
  expect(byRef(plain)).toEqual({
    main: { result: 'up_to_date' },
    equal: { result: 'up_to_date' },
    forward: { result: 'updated', ahead: 1, behind: 0 },
    split: { result: 'conflict', ahead: 1, behind: 1 },
    new: { result: 'created' },
  })
  expect(byRef(forced)['split']).toEqual({ result: 'updated', ahead: 1, behind: 1, backup: true })
  expect(await readRefs(app.outer.dir)).toEqual(before)
  expect(await readRefs(`${world.dir}/sync/binding-1.git`)).toEqual(mirror)
  expect((await world.call('GET', '/api/v1/bindings/app/conflicts')).body).toMatchObject({
    data: { total: 0 },
  })
  expect((await world.call('GET', '/api/v1/bindings/app/backups')).body).toMatchObject({ data: { total: 0 } })
})

test('a dry run does not wait for a sync, and a sync not for a dry run', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const hold = world.outer.hold('receive-pack')
  const syncing = world.call('POST', '/cerobot/sync/repo/app')
  await hold.reached

  const run = await dryRun(world, {})
  hold.release()
  const synced = await syncing

  expect(run).toMatchObject({ status: 'succeeded', refs: [{ result: 'created' }] })
  expect(synced.body).toMatchObject({ code_status: 0 })
})

test('a test tells for each side how far it gets', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await world.work.push(app.outer.dir, 'HEAD:refs/heads/main')
  const test = () => world.call('POST', '/api/v1/bindings/app/test')

  const fine = await test()
  await git(app.outer.dir, 'config', 'http.receivepack', 'false')
  const readOnly = await test()
  await world.call('PATCH', '/api/v1/bindings/app', { external: { token: 'bob:wrong' } })
  const wrong = await test()

  const all = { reach: true, login: true, read: true, write: true, problem: null }
  expect(fine.body).toMatchObject({ data: { internal: all, external: all, related: true } })
  expect(readOnly.body).toMatchObject({ data: { internal: all, external: { read: true, write: false } } })
  expect(wrong.body).toMatchObject({
    data: {
      external: { reach: true, login: false, read: false, write: null, problem: { kind: 'auth' } },
      related: null,
    },
  })
  expect(await readRefs(app.outer.dir)).toEqual(await readRefs(app.inner.dir))
})

test('a test tells two projects apart that have nothing to do with each other', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const tree = await git(world.work.dir, 'write-tree')
  const other = await git(world.work.dir, 'commit-tree', '-m', 'another project', tree)
  await world.work.push(app.outer.dir, `${other}:refs/heads/main`)

  const { body } = await world.call('POST', '/api/v1/bindings/app/test')

  expect(body).toMatchObject({ data: { related: false } })
})

async function dryRun(world: ClockedDaemon, options: Readonly<Record<string, unknown>>) {
  const { body } = await world.call('POST', '/api/v1/bindings/app/sync', { dry_run: true, ...options })
  return world.runEnded(Requested.parse(body).data.run_id)
}

function byRef(run: Awaited<ReturnType<typeof dryRun>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    run.refs.map(({ target_ref: ref, result, ...facts }) => {
      const shown = ['ahead', 'behind', 'backup'].flatMap((name) =>
        name in facts ? [[name, facts[name]]] : [],
      )
      return [ref.replace('refs/heads/', ''), { result, ...Object.fromEntries(shown) }]
    }),
  )
}
