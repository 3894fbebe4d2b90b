import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { LocalEnd } from '../../src/git/local-remote.ts'
import { followRefs } from '../../src/git/local-remote.ts'
import { initBare } from '../../src/git/mirror-repository.ts'
import type { PushUpdate } from '../../src/git/push.ts'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import type { Remote } from '../../src/git/remote.ts'
import { openTestGit } from '../rig/git-room.ts'
import { refName } from '../rig/git-world.ts'
import { localRepository, plantTraps } from '../rig/local-repository.ts'
import { createFolder, createWorkRepository, git, readRefs, remoteUrl } from '../rig/repository.ts'

const MAIN = refName('refs/heads/main')
const DEV = refName('refs/heads/dev')

/** A repository of somebody, and a mirror of ours that knows the commits of another one. */
async function createWorld() {
  const folder = await createFolder()
  const room = await openTestGit(folder.path)
  onTestFinished(async () => {
    await room[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  const own = await createWorkRepository(folder.path)
  const other = await createWorkRepository(folder.path)
  const mirror = join(folder.path, 'mirror.git')
  await initBare(mirror)
  const end: LocalEnd = {
    repository: localRepository(own.dir),
    exclusively: (work) => work(),
    tracking: 'refs/remotes/origin/',
  }
  const remote: Remote = { url: remoteUrl(`file://${own.dir}`), credential: undefined, local: end }
  const { signal } = new AbortController()
  return {
    folder: folder.path,
    own,
    other,
    mirror,
    end,
    git: room.git,
    list: () => listRefs(room.git, remote, { signal }),
    fetch: () => fetchRefs(room.git, mirror, remote, { allInto: 'refs/own' }, { signal }),
    /** Brings what `other` holds into the mirror. */
    learn: async () => {
      const source = { url: remoteUrl(`file://${other.dir}`), credential: undefined }
      const fetched = await fetchRefs(room.git, mirror, source, { allInto: 'refs/other' }, { signal })
      if (!fetched.ok) throw new Error(fetched.failure.detail)
    },
    push: async (...updates: readonly PushUpdate[]) => {
      const pushed = await pushRefs(room.git, mirror, remote, updates, { signal })
      if (!pushed.ok) throw new Error(pushed.failure.detail)
      return Object.fromEntries([...pushed.results].map(([ref, { status, kind }]) => [ref, kind ?? status]))
    },
    follow: (heads: ReadonlyMap<string, Awaited<ReturnType<typeof own.commit>>>) =>
      followRefs(room.git, end, heads, { signal }),
  }
}

test('branches and tags are listed and fetched, and nothing of the repository runs', async () => {
  const { own, mirror, list, fetch } = await createWorld()
  const first = await own.commit('first')
  const tag = await own.tag('v1', 'a release')
  const traps = await plantTraps(own.dir)

  const listed = await list()
  const fetched = await fetch()

  expect(listed).toMatchObject({
    ok: true,
    refs: new Map([
      ['refs/heads/main', first],
      ['refs/tags/v1', tag],
    ]),
  })
  expect(fetched).toEqual({ ok: true })
  expect(await readRefs(mirror)).toEqual(
    new Map([
      ['refs/own/heads/main', first],
      ['refs/own/tags/v1', tag],
    ]),
  )
  expect(traps.hasSprung()).toBe(false)
})

test('a branch is made and moved forward with its objects, and nothing of the repository runs', async () => {
  const { own, other, learn, push } = await createWorld()
  await own.commit('own')
  const traps = await plantTraps(own.dir)
  const first = await other.commit('first')
  await learn()

  const made = await push({ ref: DEV, sha: first })
  const second = await other.commit('second')
  await learn()
  const moved = await push({ ref: DEV, sha: second })
  const again = await push({ ref: DEV, sha: second })

  expect([made, moved, again]).toEqual([
    { 'refs/heads/dev': 'ok' },
    { 'refs/heads/dev': 'ok' },
    { 'refs/heads/dev': 'up_to_date' },
  ])
  expect(traps.hasSprung()).toBe(false)
  await git(own.dir, 'config', '--remove-section', 'core').catch(() => '')
  expect((await readRefs(own.dir)).get(DEV)).toBe(second)
  expect(await git(own.dir, '--git-dir=.git', 'log', '--format=%s', second)).toBe('second\nfirst')
})

test('settings for the very address that is fetched from have no effect', async () => {
  const { folder, own, other, mirror, learn, push } = await createWorld()
  await own.commit('own')
  const elsewhere = await createWorkRepository(folder)
  await elsewhere.commit('elsewhere')
  const traps = await plantTraps(own.dir)
  await git(own.dir, 'config', `url.file://${elsewhere.dir}.insteadOf`, 'file://')
  await git(own.dir, 'config', `remote.file://${mirror}.uploadpack`, 'false')
  const first = await other.commit('first')
  await learn()

  const made = await push({ ref: DEV, sha: first })

  expect(made).toEqual({ 'refs/heads/dev': 'ok' })
  expect(traps.hasSprung()).toBe(false)
})

test('commits that only the branch has stay, unless that very head may be overwritten', async () => {
  const { own, other, learn, push } = await createWorld()
  await own.commit('base')
  await own.branch('dev')
  const held = await own.commit('own')
  await own.checkout('main')
  const offered = await other.commit('other')
  await learn()

  const plain = await push({ ref: DEV, sha: offered })
  const stale = await push({ ref: DEV, sha: offered, lease: offered })
  const kept = (await readRefs(own.dir)).get(DEV)
  const leased = await push({ ref: DEV, sha: offered, lease: held })

  expect([plain, stale, leased]).toEqual([
    { 'refs/heads/dev': 'non_fast_forward' },
    { 'refs/heads/dev': 'moved_meanwhile' },
    { 'refs/heads/dev': 'ok' },
  ])
  expect(kept).toBe(held)
  expect((await readRefs(own.dir)).get(DEV)).toBe(offered)
})

test('one ref that is refused does not keep the others from moving', async () => {
  const { own, other, learn, push } = await createWorld()
  await own.commit('base')
  await own.branch('folder/branch')
  await own.tag('v1')
  await own.checkout('main')
  const offered = await other.commit('other')
  await other.tag('v1')
  await learn()

  const pushed = await push(
    { ref: MAIN, sha: offered },
    { ref: DEV, sha: offered },
    { ref: refName('refs/heads/folder'), sha: offered },
    { ref: refName('refs/tags/v1'), sha: offered },
    { ref: refName('refs/tags/v2'), sha: offered },
  )

  expect(pushed).toEqual({
    'refs/heads/main': 'protected',
    'refs/heads/dev': 'ok',
    'refs/heads/folder': 'unknown',
    'refs/tags/v1': 'tag_moved',
    'refs/tags/v2': 'ok',
  })
})

test('a branch that is checked out anywhere stays what it is', async () => {
  const { folder, own, other, learn, push } = await createWorld()
  const base = await own.commit('base')
  await own.branch('dev')
  await own.checkout('main')
  await git(own.dir, 'worktree', 'add', '--quiet', join(folder, 'linked'), 'dev')
  await git(other.dir, 'fetch', '--quiet', own.dir, 'main')
  await git(other.dir, 'reset', '--quiet', '--hard', 'FETCH_HEAD')
  const next = await other.commit('next')
  await learn()

  const pushed = await push({ ref: MAIN, sha: next }, { ref: DEV, sha: next })

  expect(pushed).toEqual({ 'refs/heads/main': 'protected', 'refs/heads/dev': 'protected' })
  expect(await readRefs(own.dir)).toEqual(
    new Map([
      [DEV, base],
      [MAIN, base],
    ]),
  )
})

test('a ref that somebody else is just moving counts as moved meanwhile', async () => {
  const { own, other, learn, push } = await createWorld()
  await own.commit('base')
  await writeFile(join(own.dir, '.git/refs/heads/dev.lock'), '')
  const offered = await other.commit('other')
  await learn()

  const pushed = await push({ ref: DEV, sha: offered }, { ref: refName('refs/heads/free'), sha: offered })

  expect(pushed).toEqual({ 'refs/heads/dev': 'moved_meanwhile', 'refs/heads/free': 'ok' })
}, 60_000)

test('a partial clone is no end of a sync', async () => {
  const { own, fetch } = await createWorld()
  await own.commit('first')
  await git(own.dir, 'config', 'remote.origin.promisor', 'true')

  const fetched = await fetch()

  expect(fetched).toMatchObject({ ok: false, failure: { kind: 'bad_objects' } })
})

test('what the other end holds now is remembered', async () => {
  const { own, follow } = await createWorld()
  const first = await own.commit('first')
  await follow(new Map([['refs/remotes/origin/main', first]]))
  const second = await own.commit('second')

  const followed = await follow(new Map([['refs/remotes/origin/main', second]]))

  expect(followed).toEqual({ ok: true })
  expect((await readRefs(own.dir)).get('refs/remotes/origin/main')).toBe(second)
})
