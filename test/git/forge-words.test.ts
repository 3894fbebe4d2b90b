import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listRefs, pushRefs } from '../../src/git/remote.ts'
import { openGitWorld, PASSWORD, refName } from '../rig/git-world.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { git, installHook, readRefs, remoteUrl, shaOf } from '../rig/repository.ts'
import { CORPUS } from './error-corpus.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

// What a hook of a forge prints when it declines one ref, as the ref `about` has it.
const SPOKEN = CORPUS.filter(
  ({ reason, stderr, source }) =>
    /^(?:pre-receive )?hook declined$/.test(reason ?? '') &&
    stderr !== '' &&
    stderr.split('\n').every((line) => line === '' || line.startsWith('remote:')) &&
    !/several|another/.test(source),
)

function spokenFor(about: string, { ref, stderr }: (typeof SPOKEN)[number]): string {
  const said = stderr.replaceAll(/^remote: ?/gm, '').replaceAll(/^error: hook declined .*\n/gm, '')
  return ref === undefined ? said : said.replaceAll(ref, about)
}

test('of one push each refused ref gets the kind of what its hook printed', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, mirror } = world
  const sha = await work.commit('first')
  await world.mirrorWork()
  await mkdir(join(app.dir, 'words'))
  const refs = SPOKEN.map((_, index) => refName(`refs/heads/number-${index}`))
  for (const [index, sighting] of SPOKEN.entries()) {
    await writeFile(join(app.dir, 'words', `number-${index}`), spokenFor(refs[index] ?? '', sighting))
  }
  await installHook(
    app.dir,
    'update',
    'words="words/${1#refs/heads/}"; [ -f "$words" ] || exit 0; cat "$words" >&2; exit 1',
  )

  const pushed = await pushRefs(
    room.git,
    mirror,
    remote,
    [...refs, MAIN].map((ref) => ({ ref, sha })),
    { signal },
  )

  const results = pushed.ok ? pushed.results : undefined
  expect(SPOKEN.length).toBeGreaterThan(60)
  expect(refs.map((ref, index) => [SPOKEN[index]?.source, results?.get(ref)?.kind])).toEqual(
    SPOKEN.map(({ source, kind }) => [source, kind]),
  )
  expect([...(await readRefs(app.dir)).keys()]).toEqual([MAIN])
})

test('over SSH a hook is heard as well', async () => {
  await using world = await openGitWorld()
  await using server = await startGitSshServer()
  const { room, work, mirror } = world
  const app = await server.createRepository('app')
  const sha = await work.commit('first')
  await world.mirrorWork()
  await installHook(app.dir, 'pre-receive', 'echo "GitLab: LFS objects are missing." >&2; exit 1')
  const credential = { kind: 'ssh_key', privateKey: server.userKey } as const

  const pushed = await pushRefs(
    room.git,
    mirror,
    { url: remoteUrl(app.url), credential },
    [{ ref: MAIN, sha }],
    { signal },
  )

  expect(pushed).toMatchObject({ results: new Map([[MAIN, { status: 'rejected', kind: 'lfs_missing' }]]) })
})

test('a name that lies across one of the target is refused alone, in either direction', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, mirror } = world
  const sha = await work.commit('first')
  await work.push(app.dir, 'main:refs/heads/a', 'main:refs/heads/x/y')
  await world.mirrorWork()
  const names = ['refs/heads/a/b', 'refs/heads/x', 'refs/heads/free'].map(refName)

  const pushed = await pushRefs(
    room.git,
    mirror,
    remote,
    names.map((ref) => ({ ref, sha })),
    { signal },
  )

  expect(pushed).toMatchObject({
    results: new Map([
      ['refs/heads/a/b', { status: 'rejected', kind: 'name_taken' }],
      ['refs/heads/x', { status: 'rejected', kind: 'name_taken' }],
      ['refs/heads/free', { status: 'ok' }],
    ]),
  })
})

test('a target that lets nobody rewrite or delete protects its branches, whatever the lease says', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, mirror } = world
  const old = await work.commit('first')
  const head = await work.commit('second')
  await work.push(app.dir, 'main', 'main:refs/heads/b')
  await world.mirrorWork()
  await git(app.dir, 'config', 'receive.denyNonFastForwards', 'true')
  await git(app.dir, 'config', 'receive.denyDeletes', 'true')

  const pushed = await pushRefs(
    room.git,
    mirror,
    remote,
    [
      { ref: MAIN, sha: old, lease: head },
      { ref: refName('refs/heads/b'), sha: null, lease: head },
    ],
    { signal },
  )

  expect(pushed).toMatchObject({
    results: new Map([
      [MAIN, { status: 'rejected', kind: 'protected' }],
      ['refs/heads/b', { status: 'rejected', kind: 'protected' }],
    ]),
  })
  expect((await readRefs(app.dir)).get(MAIN)).toBe(head)
})

test('a history that was cut off is refused as such', async () => {
  await using world = await openGitWorld()
  const { room, remote, work, folder } = world
  await work.commit('first')
  const sha = await work.commit('second')
  const shallow = join(folder, 'shallow.git')
  await git(folder, 'clone', '--quiet', '--bare', '--depth=1', `file://${work.dir}`, shallow)

  const pushed = await pushRefs(room.git, shallow, remote, [{ ref: MAIN, sha }], { signal })

  expect(pushed).toMatchObject({ results: new Map([[MAIN, { status: 'rejected', kind: 'shallow' }]]) })
})

test('a target in the other object format takes no push, and says why', async () => {
  await using world = await openGitWorld()
  const { room, server, work, mirror } = world
  const target = await server.createRepository('other', 'sha256')
  const sha = await work.commit('first')
  await world.mirrorWork()

  const remote = { url: remoteUrl(target.url), credential: PASSWORD }
  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha }], { signal })

  expect(pushed).toMatchObject({ ok: false, failure: { kind: 'object_format' } })
})

test('a pack that is larger than the target takes is too large, and not damaged', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, mirror } = world
  await git(app.dir, 'config', 'receive.maxInputSize', '1000')
  const sha = await work.commit('first', { 'large.txt': randomBytes(5000).toString('hex') })
  await world.mirrorWork()

  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha }], { signal })

  const kind = pushed.ok ? pushed.results.get(MAIN)?.kind : pushed.failure.kind
  expect(kind).toBe('too_large')
})

test('objects that the target finds malformed are named so', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, folder } = world
  await work.commit('first')
  const tree = await git(work.dir, 'rev-parse', 'HEAD^{tree}')
  const file = join(folder, 'commit')
  await writeFile(file, `tree ${tree}\nauthor Ada 0 +0000\ncommitter Ada 0 +0000\n\nno e-mail address\n`)
  const sha = shaOf(await git(work.dir, 'hash-object', '-t', 'commit', '-w', '--literally', file))
  await git(app.dir, 'config', 'receive.fsckObjects', 'true')

  const pushed = await pushRefs(room.git, join(work.dir, '.git'), remote, [{ ref: MAIN, sha }], { signal })

  expect(pushed).toMatchObject({ results: new Map([[MAIN, { status: 'rejected', kind: 'bad_objects' }]]) })
})

const ANSWERS = CORPUS.filter(({ stderr }) =>
  /^remote: (?!0)[\s\S]*The requested URL returned error: \d+\n$/.test(stderr),
)

test('the words of an HTTP answer say more than its status', async () => {
  await using world = await openGitWorld()
  const { room, server, remote } = world
  const kinds: string[] = []

  for (const { stderr } of ANSWERS) {
    const [, status] = /returned error: (\d+)/.exec(stderr) ?? []
    const body = stderr.replaceAll(/^fatal: .*\n/gm, '').replaceAll(/^remote: ?/gm, '')
    server.fault('*', {
      kind: 'status',
      status: Number(status),
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body,
    })
    const listed = await listRefs(room.git, remote, { signal })
    kinds.push(listed.ok ? 'ok' : listed.failure.kind)
  }

  expect(ANSWERS.length).toBeGreaterThan(40)
  expect(kinds).toEqual(ANSWERS.map(({ kind }) => kind))
})
