import { expect, test } from 'vitest'
import { listRefs } from '../../src/git/remote.ts'
import type { Remote } from '../../src/git/remote.ts'
import { openTestGit } from '../rig/git-room.ts'
import type { TestGit } from '../rig/git-room.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer, GitSshServerOptions, SshRepository } from '../rig/git-ssh-server.ts'
import { createFolder, createWorkRepository, git, remoteUrl } from '../rig/repository.ts'
import type { WorkRepository } from '../rig/repository.ts'

const { signal } = new AbortController()

type ListingWorld = AsyncDisposable & {
  readonly server: GitSshServer
  readonly work: WorkRepository
  /** One room that does without git what can be done without it, and one that does not. */
  readonly rooms: { readonly own: TestGit; readonly git: TestGit }
  readonly remoteOf: (repository: SshRepository) => Remote
}

async function openListingWorld(options: GitSshServerOptions = {}): Promise<ListingWorld> {
  await using stack = new AsyncDisposableStack()
  const folders = [stack.use(await createFolder()), stack.use(await createFolder())].map(({ path }) => path)
  const [folder = '', other = ''] = folders
  const server = stack.use(await startGitSshServer(options))
  const rooms = {
    own: stack.use(await openTestGit(folder, { allowWire: () => true, idleTimeoutMs: 3000 })),
    git: stack.use(await openTestGit(other, { idleTimeoutMs: 3000 })),
  }
  const work = await createWorkRepository(folder)
  const credential = { kind: 'ssh_key', privateKey: server.userKey } as const
  const owned = stack.move()
  return {
    server,
    work,
    rooms,
    remoteOf: ({ url }) => ({ url: remoteUrl(url), credential }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('every repository is listed over SSH as git lists it', async () => {
  await using world = await openListingWorld()
  const { work, server, rooms } = world
  await work.commit('first')
  await work.tag('v1', 'the first')
  const shapes = {
    empty: async () => {},
    usual: (dir: string) => work.push(dir, 'main', 'v1', 'main:refs/pull/1/head', 'main:refs/heads/größe'),
    detached: async (dir: string) => {
      await work.push(dir, 'main')
      await git(dir, 'update-ref', '--no-deref', 'HEAD', 'refs/heads/main')
    },
    large: async (dir: string) => {
      const names = Array.from({ length: 1500 }, (_, number) => `main:refs/heads/team/feature-${number}`)
      await work.push(dir, 'main', ...names)
    },
    "a b'c": (dir: string) => work.push(dir, 'main'),
  }

  for (const [name, fill] of Object.entries(shapes)) {
    const repository = await server.createRepository(name)
    await fill(repository.dir)
    const remote = world.remoteOf({ ...repository, url: encodeURI(repository.url) })
    const own = await listRefs(rooms.own.git, remote, { signal })
    const gits = await listRefs(rooms.git.git, remote, { signal })
    expect({ name, listed: own }).toEqual({ name, listed: gits })
    expect(own.ok).toBe(true)
  }

  expect(rooms.own.operations).toEqual([])
  expect(rooms.git.operations).toHaveLength(5)
})

test('where the version of the protocol may not be told git is asked, and from then on at once', async () => {
  await using world = await openListingWorld({ acceptsVersion: false })
  const app = await world.server.createRepository('app')
  await world.work.commit('first')
  await world.work.push(app.dir, 'main')
  const remote = world.remoteOf(app)

  const listed = [
    await listRefs(world.rooms.own.git, remote, { signal }),
    await listRefs(world.rooms.own.git, remote, { signal }),
  ]

  expect(listed.map(({ ok }) => ok)).toEqual([true, true])
  expect(world.rooms.own.operations).toEqual(['ls-remote', 'ls-remote'])
  expect(await world.server.commands()).toHaveLength(3)
})

test.each([
  ['breaks off', 'stdbuf -o0 head -c 300'],
  ['never comes', 'cat <&3 >/dev/null'],
  ['is none', 'echo Welcome'],
])('a list that %s is never taken for a whole one', async (_, script) => {
  await using world = await openListingWorld()
  const app = await world.server.createRepository('app')
  await world.work.commit('first')
  // More than a pipe holds: a server that has said everything does not notice that nobody reads on.
  const names = Array.from({ length: 1500 }, (_each, number) => `main:refs/heads/team/feature-${number}`)
  await world.work.push(app.dir, 'main', ...names)
  await world.server.filter('git-upload-pack', script)

  const listed = await listRefs(world.rooms.own.git, world.remoteOf(app), { signal })
  await world.server.filter('git-upload-pack', 'cat')
  const mended = await listRefs(world.rooms.own.git, world.remoteOf(app), { signal })

  expect(listed.ok).toBe(false)
  expect(mended).toMatchObject({ ok: true, refs: { size: 1501 } })
  expect(world.rooms.own.operations).toEqual(['ls-remote', 'ls-remote'])
})
