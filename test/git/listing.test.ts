import { expect, test } from 'vitest'
import { listRefs } from '../../src/git/remote.ts'
import type { GitOptions } from '../../src/git/room.ts'
import type { Fault } from '../rig/git-http-server.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { openGitWorld, PASSWORD, refName } from '../rig/git-world.ts'
import { git, remoteUrl, shaOf } from '../rig/repository.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

function openWorld(
  options: Partial<GitOptions> & { readonly objectFormat?: 'sha1' | 'sha256' } = {},
): Promise<GitWorld> {
  return openGitWorld({ allowWire: () => true, ...options })
}

test('branches, tag objects and the default branch are listed without git, over connections that are kept', async () => {
  await using world = await openWorld()
  const { room, app, remote, work, server } = world
  const first = await work.commit('first')
  const annotated = await work.tag('v1', 'the first')
  await work.push(app.dir, 'main', 'v1', 'main:refs/pull/1/head', 'main:refs/heads/größe/日本')

  const listed = [await listRefs(room.git, remote, { signal }), await listRefs(room.git, remote, { signal })]

  const expected = {
    ok: true,
    head: MAIN,
    refs: new Map([
      ['refs/heads/größe/日本', first],
      [MAIN, first],
      ['refs/tags/v1', annotated],
    ]),
  }
  expect(listed).toEqual([expected, expected])
  expect(room.operations).toEqual([])
  expect(server.requests.map(({ service, protocol }) => [service, protocol])).toEqual([
    ['info/refs', 'version=2'],
    ['upload-pack', 'version=2'],
    ['upload-pack', 'version=2'],
  ])
  expect(new Set(server.requests.map(({ connection }) => connection)).size).toBe(1)
})

test('every repository is listed as git lists it', async () => {
  await using world = await openWorld()
  await using plain = await openGitWorld()
  const { work, server } = world
  await work.commit('first')
  await work.tag('v1', 'the first')
  await work.tag('light')
  const shapes = {
    empty: async () => {},
    usual: (dir: string) => work.push(dir, 'main', 'v1', 'light'),
    headless: async (dir: string) => {
      await work.push(dir, 'main:refs/heads/other')
    },
    detached: async (dir: string) => {
      await work.push(dir, 'main')
      await git(dir, 'update-ref', '--no-deref', 'HEAD', 'refs/heads/main')
    },
    large: async (dir: string) => {
      const names = Array.from({ length: 1500 }, (_, number) => `main:refs/heads/team/feature-${number}`)
      await work.push(dir, 'main', ...names)
    },
  }

  for (const [name, fill] of Object.entries(shapes)) {
    const { dir, url } = await server.createRepository(name)
    await fill(dir)
    const remote = { url: remoteUrl(url), credential: PASSWORD }
    const own = await listRefs(world.room.git, remote, { signal })
    const gits = await listRefs(plain.room.git, remote, { signal })
    expect({ name, listed: own }).toEqual({ name, listed: gits })
  }

  expect(world.room.operations).toEqual([])
  expect(plain.room.operations).toHaveLength(5)
})

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['401', { kind: 'status', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }],
  ['403', { kind: 'status', status: 403, body: 'no' }],
  ['404', { kind: 'status', status: 404 }],
  ['429', { kind: 'status', status: 429 }],
  ['500', { kind: 'status', status: 500 }],
  ['a login page', { kind: 'html' }],
  ['a page without a line', { kind: 'status', status: 200, body: '<html>Please log in</html>' }],
  ['a redirect', { kind: 'redirect', toOrigin: 'http://127.0.0.1:9' }],
]

test.each(FAULTS)('at %s git is asked, and its word stands', async (_, fault) => {
  await using world = await openWorld()
  await using plain = await openGitWorld()
  world.server.fault('*', fault)

  const own = await listRefs(world.room.git, world.remote, { signal })
  const gits = await listRefs(plain.room.git, world.remote, { signal })

  expect(own).toEqual(gits)
  expect(own.ok).toBe(false)
  expect(world.room.operations).toEqual(['ls-remote'])
})

test.each([
  ['cut short', (body: Buffer) => body.subarray(0, -10)],
  ['without its end', (body: Buffer) => body.subarray(0, -4)],
  ['with nothing in it', () => Buffer.alloc(0)],
  ['with an error', () => Buffer.from('0011ERR go away')],
])('a list %s is never taken for a whole one', async (_, rewrite) => {
  await using world = await openWorld()
  const first = await world.work.commit('first')
  await world.work.push(world.app.dir, 'main', 'main:refs/heads/z')
  await listRefs(world.room.git, world.remote, { signal })
  world.server.fault('*', { kind: 'rewrite', rewrite })

  const broken = await listRefs(world.room.git, world.remote, { signal })
  world.server.fault('*', { kind: 'ok' })
  const mended = await listRefs(world.room.git, world.remote, { signal })

  expect(broken.ok).toBe(false)
  expect(mended).toMatchObject({
    ok: true,
    refs: new Map([
      [MAIN, first],
      ['refs/heads/z', first],
    ]),
  })
})

test('what did not answer well is left to git for a while', async () => {
  await using world = await openWorld()
  const other = await world.server.createRepository('other')
  const remote = { url: remoteUrl(other.url), credential: PASSWORD }
  world.server.fault('team/app', { kind: 'status', status: 500 })
  await listRefs(world.room.git, world.remote, { signal })
  world.server.fault('team/app', { kind: 'ok' })
  world.room.operations.length = 0

  await listRefs(world.room.git, world.remote, { signal })
  await listRefs(world.room.git, remote, { signal })

  expect(world.room.operations).toEqual(['ls-remote'])
})

test('a server that never answers is given up for all its repositories', async () => {
  await using world = await openWorld({ idleTimeoutMs: 300 })
  await world.server.createRepository('other')
  const other = { url: remoteUrl(world.server.url('other')), credential: PASSWORD }
  world.server.fault('team/app', { kind: 'hang' })

  const listed = await listRefs(world.room.git, world.remote, { signal })
  const next = await listRefs(world.room.git, other, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'stalled' } })
  expect(next).toMatchObject({ ok: true })
  expect(world.room.operations).toEqual(['ls-remote', 'ls-remote'])
})

test('a server of an older version of the protocol is asked by git', async () => {
  await using world = await openWorld()
  const first = await world.work.commit('first')
  await world.work.push(world.app.dir, 'main')
  world.server.fault('*', { kind: 'old_protocol' })

  const listed = await listRefs(world.room.git, world.remote, { signal })
  await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toMatchObject({ ok: true, head: MAIN, refs: new Map([[MAIN, first]]) })
  expect(world.room.operations).toEqual(['ls-remote', 'ls-remote'])
})

test('a repository of the other object format is listed by git, also where the server is known', async () => {
  await using world = await openWorld({ objectFormat: 'sha256' })
  const usual = await world.server.createRepository('usual')
  const first = await world.work.commit('first')
  await world.work.push(world.app.dir, 'main')
  await listRefs(world.room.git, { url: remoteUrl(usual.url), credential: PASSWORD }, { signal })

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(first).toHaveLength(64)
  expect(listed).toMatchObject({ ok: true, head: MAIN, refs: new Map([[MAIN, shaOf(first)]]) })
  expect(world.room.operations).toEqual(['ls-remote'])
})

test('an address that is not allowed is not contacted', async () => {
  await using canary = await startGitHttpServer()
  await using world = await openWorld({ allowAddress: (_, ip) => ip !== '127.0.0.1' })

  const listed = await listRefs(
    world.room.git,
    { url: remoteUrl(canary.url('a')), credential: PASSWORD },
    { signal },
  )

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'address_denied' } })
  expect(canary.requests).toEqual([])
})

test('where it is switched off for the host, git is asked', async () => {
  await using world = await openWorld({ allowWire: (host) => host !== '127.0.0.1' })

  await listRefs(world.room.git, world.remote, { signal })

  expect(world.room.operations).toEqual(['ls-remote'])
})

test('an abort while the server is asked ends the call', async () => {
  await using world = await openWorld()
  const hold = world.server.hold('info/refs')
  const stop = new AbortController()

  const listing = listRefs(world.room.git, world.remote, { signal: stop.signal })
  await hold.reached
  stop.abort()
  const listed = await listing

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
  expect(world.room.operations).toEqual([])
})
