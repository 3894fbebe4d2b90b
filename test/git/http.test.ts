import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRef } from '../../src/git/mirror-repository.ts'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import type { Fault } from '../rig/git-http-server.ts'
import { openGitWorld, PASSWORD, refName } from '../rig/git-world.ts'
import { git, readRefs, remoteUrl } from '../rig/repository.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

test('a branch travels between password-protected repositories in two git calls and without a 401', async () => {
  await using world = await openGitWorld()
  const { room, server, app, remote, work, mirror } = world
  const target = await server.createRepository('other')
  const first = await work.commit('first')
  await work.push(app.dir, 'main')

  const fetched = await fetchRefs(
    room.git,
    mirror,
    remote,
    [{ source: MAIN, target: 'refs/internal/heads/main' }],
    { signal },
  )
  const pushed = await pushRefs(
    room.git,
    mirror,
    { url: remoteUrl(target.url), credential: PASSWORD },
    [{ ref: MAIN, sha: first }],
    { signal },
  )

  expect(fetched).toEqual({ ok: true })
  expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, { status: 'ok', kind: null, reason: null }]]) })
  expect(await readRef(mirror, 'refs/internal/heads/main')).toBe(first)
  expect(await readRefs(target.dir)).toEqual(new Map([[MAIN, first]]))
  expect(room.operations).toEqual(['fetch', 'push'])
  expect(server.requests.filter(({ authorization }) => authorization === undefined)).toEqual([])
})

test('a listing holds branches, tag objects and the default branch, and nothing else', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work } = world
  const first = await work.commit('first')
  const annotated = await work.tag('v1', 'the first')
  const light = await work.tag('light')
  await work.push(app.dir, 'main', 'v1', 'light', 'main:refs/pull/1/head', 'main:refs/heads/größe/日本')

  const listed = await listRefs(room.git, remote, { signal })

  expect(annotated).not.toBe(first)
  expect(listed).toEqual({
    ok: true,
    head: MAIN,
    refs: new Map([
      ['refs/heads/größe/日本', first],
      [MAIN, first],
      ['refs/tags/light', light],
      ['refs/tags/v1', annotated],
    ]),
  })
})

test('an empty repository is an answer and not a failure', async () => {
  await using world = await openGitWorld()

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toEqual({ ok: true, refs: new Map(), head: null })
})

const FAULTS: readonly (readonly [string, Fault, GitErrorKind])[] = [
  ['401', { kind: 'status', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }, 'auth'],
  ['401 without a challenge', { kind: 'status', status: 401 }, 'auth'],
  ['403', { kind: 'status', status: 403, body: 'no' }, 'auth'],
  ['404', { kind: 'status', status: 404 }, 'not_found'],
  ['410', { kind: 'status', status: 410 }, 'not_found'],
  ['413', { kind: 'status', status: 413 }, 'too_large'],
  ['400', { kind: 'status', status: 400 }, 'not_git'],
  ['402', { kind: 'status', status: 402 }, 'blocked'],
  ['408', { kind: 'status', status: 408 }, 'server_error'],
  ['423', { kind: 'status', status: 423 }, 'read_only'],
  ['451', { kind: 'status', status: 451 }, 'blocked'],
  ['429', { kind: 'status', status: 429, headers: { 'retry-after': '60' } }, 'rate_limited'],
  ['500', { kind: 'status', status: 500 }, 'server_error'],
  ['503', { kind: 'status', status: 503 }, 'server_error'],
  ['522', { kind: 'status', status: 522 }, 'server_error'],
  ['a login page', { kind: 'html' }, 'not_git'],
  [
    'a login page of several lines',
    { kind: 'status', status: 200, body: '<html>\n<p>log in\n</html>' },
    'not_git',
  ],
  ['a redirect', { kind: 'redirect', toOrigin: 'http://127.0.0.1:9' }, 'redirected'],
]

test.each(FAULTS)('%s is told apart when listing, fetching and pushing', async (_, fault, kind) => {
  await using world = await openGitWorld()
  const { room, server, remote, work, mirror } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  server.fault('*', fault)

  const listed = await listRefs(room.git, remote, { signal })
  const fetched = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind } })
  expect(fetched).toMatchObject({ ok: false, failure: { kind } })
  expect(pushed).toMatchObject({ ok: false, failure: { kind } })
})

test('an answer that breaks off is a lost connection when listing, fetching and pushing', async () => {
  await using world = await openGitWorld()
  const { room, server, app, remote, work, mirror } = world
  await work.commit('first')
  await work.push(app.dir, 'main')
  const second = await work.commit('second')
  await world.mirrorWork()
  server.fault('*', { kind: 'cut', afterBytes: 20 })

  const listed = await listRefs(room.git, remote, { signal })
  const fetched = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: second }], { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(fetched).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(pushed).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
})

test('a page of one line without an end is not taken for an empty repository', async () => {
  await using world = await openGitWorld()
  world.server.fault('*', { kind: 'status', status: 200, body: '<html>Please log in</html>' })

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'not_git' } })
})

test('a redirect receives neither the password nor any request', async () => {
  await using world = await openGitWorld()
  await using stranger = await startGitHttpServer()
  const { room, server, remote, work, mirror } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  await stranger.createRepository('team/app')
  server.fault('*', { kind: 'redirect', toOrigin: stranger.origin })

  const listed = await listRefs(room.git, remote, { signal })
  await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })

  const detail = listed.ok ? '' : listed.failure.detail
  expect(detail).toContain(`the server redirects to ${stranger.origin}/team/app.git, which is not followed`)
  expect(new Set(server.requests.map(({ repository }) => repository))).toEqual(new Set(['team/app']))
  expect(stranger.requests).toEqual([])
})

test('a wrong password fails as such and does not show up in the message', async () => {
  await using world = await openGitWorld()
  const credential = { ...PASSWORD, password: 'wrong-and-secret' }

  const listed = await listRefs(world.room.git, { ...world.remote, credential }, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'auth' } })
  expect(JSON.stringify(listed)).not.toContain('wrong-and-secret')
})

test('a host without a server, a name without a host and a missing branch are told apart', async () => {
  await using world = await openGitWorld({ lookup: () => Promise.resolve([]) })
  const { room, remote, mirror } = world
  const gone = { ...remote, url: remoteUrl('http://127.0.0.1:9/a.git') }
  const nameless = { ...remote, url: remoteUrl('http://forge.invalid/a.git') }
  const missing = [{ source: refName('refs/heads/gone'), target: 'refs/internal/heads/gone' }]

  const failures = await Promise.all([
    listRefs(room.git, gone, { signal }),
    listRefs(room.git, nameless, { signal }),
    fetchRefs(room.git, mirror, remote, missing, { signal }),
  ])

  expect(failures.map((outcome) => (outcome.ok ? 'ok' : outcome.failure.kind))).toEqual([
    'unreachable',
    'dns',
    'ref_missing',
  ])
})

test('many refs are fetched by one git', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, mirror } = world
  const first = await work.commit('first')
  const names = Array.from({ length: 700 }, (_, index) => `feature/number-${index}`)
  await work.push(app.dir, ...names.map((name) => `main:refs/heads/${name}`))
  const refspecs = names.map((name) => ({
    source: refName(`refs/heads/${name}`),
    target: `refs/internal/heads/${name}`,
  }))

  const fetched = await fetchRefs(room.git, mirror, remote, refspecs, { signal })

  expect(fetched).toEqual({ ok: true })
  expect(room.operations).toEqual(['fetch'])
  expect(await readRef(mirror, 'refs/internal/heads/feature/number-699')).toBe(first)
})

test('a repository in the other object format is refused by name', async () => {
  await using world = await openGitWorld({ objectFormat: 'sha256' })
  await using sha1 = await openGitWorld()
  const { room, app, remote, work } = world
  const first = await work.commit('first')
  await work.push(app.dir, 'main')

  const listed = await listRefs(room.git, remote, { signal })
  const fetched = await fetchRefs(
    sha1.room.git,
    sha1.mirror,
    remote,
    { allInto: 'refs/internal' },
    { signal },
  )
  const same = await fetchRefs(room.git, world.mirror, remote, { allInto: 'refs/internal' }, { signal })

  expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, first]]) })
  expect(fetched).toMatchObject({ ok: false, failure: { kind: 'object_format' } })
  expect(same).toEqual({ ok: true })
})

test('a mirror that was fetched into many times keeps few packs and all objects', async () => {
  await using world = await openGitWorld()
  const { room, work, mirror } = world
  for (let count = 0; count < 51; count += 1) {
    await work.commit(`number ${count}`)
    await world.mirrorWork()
  }

  const packs = (await readdir(join(mirror, 'objects/pack'))).filter((name) => name.endsWith('.pack'))

  expect(packs.length).toBeLessThan(15)
  expect(room.operations.filter((name) => name === 'repack')).toHaveLength(1)
  expect(await git(mirror, 'rev-list', '--count', 'refs/work/heads/main')).toBe('51')
})
