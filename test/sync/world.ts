import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Side } from '../../src/binding/binding.ts'
import { systemClock } from '../../src/clock.ts'
import type { Clock } from '../../src/clock.ts'
import { openGit } from '../../src/git/room.ts'
import type { RefName, Sha } from '../../src/git/refs.ts'
import { createLogger } from '../../src/log.ts'
import { prepareFolders } from '../../src/sync/folders.ts'
import { createSync } from '../../src/sync/sync.ts'
import type { Backup, SyncOutcome, SyncRequest } from '../../src/sync/sync.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import type { GitHttpServer, ServedRepository } from '../rig/git-http-server.ts'
import { hostKeysIn } from '../rig/git-room.ts'
import type { GitSshServer } from '../rig/git-ssh-server.ts'
import type { LfsServer } from '../rig/lfs-server.ts'
import {
  createFolder,
  createWorkRepository,
  git,
  installHook,
  protectBranches,
  readRefs,
  remoteUrl,
  shaOf,
} from '../rig/repository.ts'
import type { WorkRepository } from '../rig/repository.ts'
import { NO_EVIDENCE, rules } from './comparison.ts'

// Two repositories on a real server with a password, and a sync between them.
//
//   await using world = await createWorld()
//   const first = await world.work.commit('first')
//   await world.push('internal', 'main')
//   const outcome = await world.sync({ scope: [pair('main')] })
//   expect(await world.heads('external')).toEqual({ main: first })

const SUBJECT = 'binding:12'

export type World = AsyncDisposable & {
  readonly server: GitHttpServer
  readonly repositories: Readonly<Record<Side, ServedRepository>>
  readonly work: WorkRepository
  readonly mirror: string
  readonly backups: string
  /** The git processes that the last sync started. */
  readonly processes: readonly string[]
  /** What the last sync has kept before it took it away. */
  readonly kept: readonly Backup[]
  /** The lines that the last sync wrote for people. */
  readonly lines: readonly string[]
  /** Makes branches that all point at one commit of the work repository. */
  readonly branches: (side: Side, names: readonly string[], at: Sha) => Promise<void>
  /** Makes a commit that shares no history with anything, and leaves the work repository as it was. */
  readonly unrelated: () => Promise<Sha>
  readonly hook: (side: Side, name: string, script: string) => Promise<void>
  /** A process that has the mirror, as a git that outlived its daemon would. */
  readonly holdFence: () => Promise<
    AsyncDisposable & { readonly noticed: Promise<void>; readonly end: () => Promise<void> }
  >
  /** The side declines every push that touches one of the branches. */
  readonly protect: (side: Side, ...names: readonly string[]) => Promise<void>
  /** Pushes past the passwords and faults of the server. */
  readonly push: (side: Side, ...refspecs: readonly string[]) => Promise<void>
  /** Branches by their names, tags as `tags/v1`. */
  readonly heads: (side: Side) => Promise<Readonly<Record<string, Sha>>>
  /** One way from internal to external, everything, unless said otherwise; agreed heads are remembered. */
  readonly sync: (request?: Partial<SyncRequest>, signal?: AbortSignal) => Promise<SyncOutcome>
  /** The two repositories as a request names them, or others in their place. */
  readonly remotes: (urls?: Partial<Record<Side, string>>) => SyncRequest['remotes']
  /** What a new daemon on the same folders would do next. */
  readonly restart: (options?: Pick<WorldOptions, 'minimumFreeBytes'>) => void
}

export type WorldOptions = {
  readonly deleteMirrorAfter?: boolean
  readonly minimumFreeBytes?: number
  readonly idleTimeoutMs?: number
  readonly externalFormat?: 'sha1' | 'sha256'
  /** What git need not do is done without it, as in the daemon. */
  readonly relays?: boolean
  /** Serves the LFS objects of both repositories. */
  readonly lfs?: LfsServer
  readonly clock?: Clock
  /** The repositories are reached over SSH, and the faults of the other server do not show. */
  readonly ssh?: GitSshServer
  readonly allowAddress?: (host: string, ip: string) => boolean
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const { clock = systemClock } = options
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const server = stack.use(
    await startGitHttpServer({ ...LOGIN, ...(options.lfs === undefined ? {} : { lfs: options.lfs }) }),
  )
  const repositories = {
    internal: await server.createRepository('inner/app'),
    external: await server.createRepository('outer/app', options.externalFormat),
  }
  const work = await createWorkRepository(folder.path)
  const folders = { syncDir: join(folder.path, 'mirrors'), backupDir: join(folder.path, 'backups') }
  await prepareFolders(folders)
  const mirror = join(folders.syncDir, 'binding-12.git')
  const processes: string[] = []
  let whenProcesses: (count: number) => void = () => {}
  const lines: string[] = []
  const kept: Backup[] = []
  const gitRoom = stack.use(
    await openGit({
      clock,
      runtimeRoot: join(folder.path, 'run'),
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
      timeoutMs: 0,
      allowAddress: options.allowAddress ?? (() => true),
      hostKeys: hostKeysIn([], options.ssh === undefined ? 'strict' : 'tofu'),
      allowWire: options.relays === true ? () => true : undefined,
      onGit: (operation) => whenProcesses(processes.push(operation)),
    }),
  )
  const start = ({ minimumFreeBytes } = options): ReturnType<typeof createSync> =>
    createSync({
      git: gitRoom,
      clock,
      logger: createLogger('silent'),
      ...folders,
      deleteMirrorAfter: options.deleteMirrorAfter ?? false,
      ...(minimumFreeBytes === undefined ? {} : { minimumFreeBytes }),
    })
  const { ssh } = options
  const credential = ssh === undefined ? CREDENTIAL : ({ kind: 'ssh_key', privateKey: ssh.userKey } as const)
  const remoteOf = ({ dir, url }: ServedRepository, other: string | undefined) => ({
    url: remoteUrl(other ?? ssh?.urlOf(dir) ?? url),
    credential,
  })
  const remotes: World['remotes'] = (urls = {}) => ({
    internal: remoteOf(repositories.internal, urls.internal),
    external: remoteOf(repositories.external, urls.external),
  })
  let sync = start()
  let agreed: ReadonlyMap<RefName, Sha> = new Map()

  const owned = stack.move()
  return {
    server,
    repositories,
    work,
    processes,
    lines,
    kept,
    mirror,
    backups: join(folders.backupDir, 'binding-12.git'),
    push: (side, ...refspecs) => work.push(repositories[side].dir, ...refspecs),
    branches: async (side, names, at) => {
      const { dir } = repositories[side]
      await work.push(dir, `${at}:refs/heads/temporary`)
      await writeFile(join(dir, 'packed-refs'), names.map((name) => `${at} refs/heads/${name}\n`).join(''))
      await git(dir, 'update-ref', '-d', 'refs/heads/temporary')
    },
    unrelated: async () => {
      const tree = await git(work.dir, 'write-tree')
      return shaOf(await git(work.dir, 'commit-tree', '-m', 'unrelated', tree))
    },
    hook: (side, name, script) => installHook(repositories[side].dir, name, script),
    holdFence: async () => {
      const orphan = spawn('flock', [`${mirror}.lock`, 'sh', '-c', 'echo held; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      })
      await once(orphan.stdout, 'data')
      const noticed = Promise.withResolvers<void>()
      // A second git starts only after the first one was turned away.
      whenProcesses = (count) => void (count >= 2 && noticed.resolve())
      const end = async (): Promise<void> => {
        if (orphan.exitCode !== null || orphan.signalCode !== null || orphan.pid === undefined) return
        const ended = once(orphan, 'exit')
        process.kill(-orphan.pid, 'SIGKILL')
        await ended
      }
      return { noticed: noticed.promise, end, [Symbol.asyncDispose]: end }
    },
    protect: (side, ...names) => protectBranches(repositories[side].dir, ...names),
    heads: async (side) => {
      const refs = await readRefs(repositories[side].dir)
      return Object.fromEntries(
        [...refs].map(([name, sha]) => [name.replace(/^refs\/(?:heads\/)?/, ''), sha]),
      )
    },
    sync: async (request = {}, signal = AbortSignal.timeout(60_000)) => {
      processes.length = 0
      lines.length = 0
      kept.length = 0
      const outcome = await sync(
        {
          subject: SUBJECT,
          remotes: remotes(),
          direction: 'to_outer',
          scope: 'all',
          force: 'none',
          agreed,
          rules: rules(),
          evidence: NO_EVIDENCE,
          decided: new Map(),
          knownConflicts: new Map(),
          ...request,
        },
        {
          signal,
          log: (level, text) => lines.push(`${level} ${text}`),
          recordBackups: (backups) => Promise.resolve(void kept.push(...backups)),
        },
      )
      agreed = new Map(
        [...agreed, ...outcome.agreed].flatMap(([name, sha]) => (sha === null ? [] : [[name, sha]])),
      )
      return outcome
    },
    remotes,
    restart: (changed = options) => {
      sync = start(changed)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Who may use the server. */
export const LOGIN = { username: 'ada', password: 'open sesame' }
const CREDENTIAL = { kind: 'password', ...LOGIN } as const

/** The result per ref, e.g. `{ main: 'updated' }`. */
export function results(outcome: SyncOutcome): Readonly<Record<string, string>> {
  return Object.fromEntries(
    outcome.refs.map(({ pair: { internal }, result }) => [
      internal.replace(/^refs\/(?:heads\/)?/, ''),
      result,
    ]),
  )
}
