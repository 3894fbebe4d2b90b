import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Side } from '../../src/binding/binding.ts'
import type { Sha } from '../../src/git/refs.ts'
import { cloneWithObjects, oidOf, oidOfFile, uploadObjects, useLfs, withLogin } from '../rig/lfs-client.ts'
import { startLfsServer } from '../rig/lfs-server.ts'
import type { LfsServer, LfsServerOptions } from '../rig/lfs-server.ts'
import type { LfsRequest, LfsStage } from '../rig/lfs-storage.ts'
import { git } from '../rig/repository.ts'
import { createWorld, LOGIN } from './world.ts'
import type { World, WorldOptions } from './world.ts'

// Two repositories with LFS, and what people do with them.
//
//   await using world = await createLfsWorld()
//   const { oid } = await world.commitObject('a.bin', 1000)
//   await world.publish('internal', 'main')             // the objects first, as git-lfs does it
//   await world.sync({ lfs: true })
//   expect(await world.contentAt('external', 'a.bin')).toBe(oid)

export type LfsWorld = World & {
  readonly lfs: LfsServer
  /** Commits a file of random bytes, of which the commit holds only the pointer. */
  readonly commitObject: (path: string, size: number) => Promise<{ readonly oid: string; readonly sha: Sha }>
  /** What git push does with git-lfs: the objects of the branches, then the branches. */
  readonly publish: (side: Side, ...branches: readonly string[]) => Promise<void>
  /** The same for a repository whose own configuration sends git-lfs elsewhere. */
  readonly publishPast: (side: Side, branch: string) => Promise<void>
  readonly objects: (side: Side) => Promise<readonly string[]>
  /** The side declines pushes of a branch, in GitLab's words, as long as it does not have the object. */
  readonly refuseWithoutObject: (side: Side, branch: string, oid: string) => Promise<void>
  /** The sha256 of a file in a fresh clone that git-lfs made. */
  readonly contentAt: (side: Side, path: string, branch?: string) => Promise<string>
  /** What the servers of a side were asked since the last call of `forgetRequests`, e.g. `['batch', 'upload']`. */
  readonly asked: (side: Side) => readonly LfsStage[]
  readonly requests: () => readonly LfsRequest[]
  readonly forgetRequests: () => void
}

export async function createLfsWorld(
  options: Omit<WorldOptions, 'lfs'> & { readonly server?: LfsServerOptions } = {},
): Promise<LfsWorld> {
  await using stack = new AsyncDisposableStack()
  const lfs = stack.use(await startLfsServer({ ...LOGIN, ...options.server }))
  const world = stack.use(await createWorld({ ...options, lfs }))
  await useLfs(world.work, '*.bin')
  const url = (side: Side): string => withLogin(world.repositories[side].url, LOGIN.username, LOGIN.password)
  let seen = 0
  const requests = (): readonly LfsRequest[] => lfs.requests.slice(seen)
  const owned = stack.move()
  return {
    ...world,
    lfs,
    commitObject: async (path, size) => {
      const content = randomBytes(size)
      return { oid: oidOf(content), sha: await world.work.commit(path, { [path]: content }) }
    },
    publish: async (side, ...branches) => {
      await uploadObjects(world.work, url(side), ...branches)
      await world.push(side, ...branches)
    },
    publishPast: async (side, branch) => {
      await git(world.work.dir, 'config', 'lfs.url', `${url(side)}/info/lfs`)
      await uploadObjects(world.work, url(side), branch)
      await world.push(side, branch)
    },
    objects: (side) => lfs.objects(world.repositories[side].name),
    refuseWithoutObject: (side, branch, oid) => {
      const path = lfs.pathOf(world.repositories[side].name, oid)
      const words =
        'GitLab: LFS objects are missing. Ensure LFS is properly set up or try a manual "git lfs push --all".'
      const refuse = `test -e '${path}' || { echo '${words}' >&2; exit 1; }`
      return world.hook(
        side,
        'pre-receive',
        `while read old new ref; do if test "$ref" = 'refs/heads/${branch}'; then ${refuse}; fi; done`,
      )
    },
    contentAt: async (side, path, branch) => {
      const clone = await cloneWithObjects(join(world.work.dir, '..'), url(side), branch)
      return oidOfFile(join(clone, path))
    },
    asked: (side) =>
      requests()
        .filter(({ repository }) => repository === world.repositories[side].name)
        .map(({ stage }) => stage),
    requests,
    forgetRequests: () => void (seen = lfs.requests.length),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** An object at the source that the target lacks, and nothing asked so far. */
export async function commitOne(world: LfsWorld, size = 300_000): Promise<string> {
  const { oid } = await world.commitObject('a.bin', size)
  await world.publish('internal', 'main')
  world.forgetRequests()
  return oid
}
