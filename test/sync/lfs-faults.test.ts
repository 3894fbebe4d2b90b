import { describe, expect, test } from 'vitest'
import { MINUTE } from '../../src/clock.ts'
import { createTestClock } from '../rig/clock.ts'
import type { LfsFault } from '../rig/lfs-storage.ts'
import { pair } from './comparison.ts'
import { commitOne, createLfsWorld } from './lfs-world.ts'
import { results } from './world.ts'

const source = { repository: 'inner/app' }
const target = { repository: 'outer/app' }

const FAULTS: readonly { readonly fault: LfsFault; readonly kind: string; readonly said: RegExp }[] = [
  {
    fault: { stage: 'batch', ...target, kind: 'status', status: 401 },
    kind: 'auth',
    said: /refused the login/,
  },
  { fault: { stage: 'batch', ...source, kind: 'status', status: 401 }, kind: 'auth', said: /^.*internal: / },
  { fault: { stage: 'batch', ...target, kind: 'status', status: 404 }, kind: 'lfs_unavailable', said: /404/ },
  { fault: { stage: 'batch', ...target, kind: 'status', status: 501 }, kind: 'lfs_unavailable', said: /501/ },
  { fault: { stage: 'batch', ...target, kind: 'status', status: 429 }, kind: 'rate_limited', said: /429/ },
  { fault: { stage: 'batch', ...target, kind: 'status', status: 503 }, kind: 'server_error', said: /503/ },
  { fault: { stage: 'batch', ...source, kind: 'status', status: 500 }, kind: 'server_error', said: /500/ },
  {
    fault: { stage: 'batch', ...target, kind: 'html' },
    kind: 'lfs_unavailable',
    said: /not as an LFS server/,
  },
  {
    fault: { stage: 'batch', ...target, kind: 'answer', body: { transfer: 'tus', objects: [] } },
    kind: 'lfs_unavailable',
    said: /another way of transfer: tus/,
  },
  {
    fault: { stage: 'batch', ...target, kind: 'answer', body: { objects: [] } },
    kind: 'lfs_unavailable',
    said: /says nothing of the object/,
  },
  {
    fault: { stage: 'batch', ...target, kind: 'object_error', code: 422, message: 'not\u001b[31m here' },
    kind: 'hook_declined',
    said: /422 not here/,
  },
  {
    fault: { stage: 'batch', ...target, kind: 'object_error', code: 507, message: 'full' },
    kind: 'quota_exceeded',
    said: /507 full/,
  },
  {
    fault: {
      stage: 'batch',
      ...target,
      kind: 'status',
      status: 403,
      body: '{"message":"This repository exceeded its LFS budget"}',
    },
    kind: 'quota_exceeded',
    said: /exceeded its LFS budget/,
  },
  { fault: { stage: 'download', kind: 'status', status: 404 }, kind: 'lfs_missing', said: /where it said/ },
  { fault: { stage: 'download', kind: 'status', status: 403 }, kind: 'forbidden', said: /403/ },
  { fault: { stage: 'download', kind: 'status', status: 502 }, kind: 'server_error', said: /502/ },
  { fault: { stage: 'download', kind: 'wrong_bytes' }, kind: 'bad_objects', said: /other bytes/ },
  { fault: { stage: 'download', kind: 'cut', afterBytes: 0 }, kind: 'unreachable', said: /127\.0\.0\.1/ },
  { fault: { stage: 'upload', kind: 'status', status: 413 }, kind: 'too_large', said: /413/ },
  { fault: { stage: 'upload', kind: 'status', status: 429 }, kind: 'rate_limited', said: /429/ },
  { fault: { stage: 'upload', kind: 'status', status: 503 }, kind: 'server_error', said: /503/ },
  { fault: { stage: 'upload', kind: 'cut', afterBytes: 100_000 }, kind: 'unreachable', said: /127\.0\.0\.1/ },
  { fault: { stage: 'upload', kind: 'forget' }, kind: 'server_error', said: /does not have it/ },
]

describe('a fault of an LFS server', () => {
  test.each(FAULTS)('keeps the head back and is named: $fault.stage $fault.kind, $kind', async (given) => {
    await using world = await createLfsWorld()
    await commitOne(world)
    world.lfs.fault(given.fault)

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(outcome.failure).toBeUndefined()
    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: given.kind }])
    expect(outcome.refs[0]?.reason).toMatch(given.said)
    expect(outcome.refs[0]?.reason).not.toMatch(/[\u0000-\u001f]\[/)
    expect(await world.heads('external')).toEqual({})
  })

  test('that makes it silent ends at the idle limit: batch', async () => {
    const clock = createTestClock()
    await using world = await createLfsWorld({ clock, idleTimeoutMs: MINUTE })
    await commitOne(world)
    const hold = world.lfs.hold('batch')

    const syncing = world.sync({ lfs: true, scope: [pair('main')] })
    await hold.reached
    clock.advance(MINUTE)
    const outcome = await syncing
    hold.release()

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'stalled' }])
  })

  test.each(['download', 'upload'] as const)(
    'that makes it silent ends at the idle limit: %s',
    async (stage) => {
      const clock = createTestClock()
      await using world = await createLfsWorld({ clock, idleTimeoutMs: MINUTE })
      await commitOne(world, 4_000_000)
      const onReached = (): void => clock.advance(MINUTE)
      world.lfs.fault({ stage, kind: 'stall', afterBytes: 100_000, onReached })

      const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

      expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'stalled' }])
    },
  )

  test.each<LfsFault>([
    { stage: 'download', kind: 'status', status: 403, times: 1 },
    { stage: 'download', kind: 'wrong_bytes', times: 1 },
    { stage: 'upload', kind: 'status', status: 403, times: 1 },
    { stage: 'upload', kind: 'cut', afterBytes: 1, times: 1 },
    { stage: 'verify', kind: 'status', status: 503, times: 1 },
  ])('that happens once is healed with a new link: $stage $kind', async (fault) => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world)
    world.lfs.fault(fault)

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })

  test('that is one of the whole repository is named as such', async () => {
    await using world = await createLfsWorld()
    await commitOne(world)
    world.lfs.fault({ stage: 'batch', ...target, kind: 'status', status: 404 })
    world.server.fault('outer/app', { kind: 'status', status: 404 })

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'not_found' }])
  })

  test('does not keep back a branch without objects', async () => {
    await using world = await createLfsWorld()
    const first = await world.work.commit('first')
    await world.work.branch('heavy')
    await commitOne(world)
    await world.publish('internal', 'main', 'heavy')
    world.lfs.fault({ stage: 'batch', ...target, kind: 'status', status: 503 })

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'created', heavy: 'rejected' })
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('with one object lets the others arrive', async () => {
    await using world = await createLfsWorld()
    const bad = await world.commitObject('bad.bin', 1000)
    const good = await world.commitObject('good.bin', 1000)
    await world.publish('internal', 'main')
    world.lfs.fault({ stage: 'upload', oid: bad.oid, kind: 'status', status: 422 })

    const outcome = await world.sync({ lfs: true })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'hook_declined' }])
    expect(await world.objects('external')).toEqual([good.oid])
  })

  test('that goes on is not tried with every object', async () => {
    await using world = await createLfsWorld()
    const files = Array.from({ length: 60 }, (_, number) => [`${number}.bin`, `content ${number}`] as const)
    await world.work.commit('many', Object.fromEntries(files))
    await world.publish('internal', 'main')
    world.lfs.fault({ stage: 'upload', kind: 'status', status: 503 })
    world.forgetRequests()

    await world.sync({ lfs: true })

    const uploads = world.asked('external').filter((stage) => stage === 'upload')
    expect(uploads.length).toBeGreaterThan(8)
    expect(uploads.length).toBeLessThan(30)
  })
})

test('an object for which there is no room is not begun', async () => {
  await using world = await createLfsWorld()
  const { oid } = await world.commitObject('a.bin', 1000)
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${2 ** 49}\n`
  await world.publish('internal', 'main')
  await world.work.branch('huge', 'main~1')
  await world.work.commit('huge', { 'huge.bin': pointer })
  await world.push('internal', 'huge')
  world.forgetRequests()

  const outcome = await world.sync({ lfs: true, scope: [pair('huge')] })

  expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'disk_full' }])
  expect(world.asked('internal')).toEqual(['batch'])
})
