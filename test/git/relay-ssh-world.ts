import { readdir } from 'node:fs/promises'
import type { Sha } from '../../src/git/refs.ts'
import type { Relayed, RelayOrder } from '../../src/git/relay.ts'
import { relayBranch } from '../../src/git/relay.ts'
import type { Remote } from '../../src/git/remote.ts'
import type { GitOptions } from '../../src/git/room.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { openTestGit } from '../rig/git-room.ts'
import type { TestGit } from '../rig/git-room.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer, GitSshServerOptions } from '../rig/git-ssh-server.ts'
import { PASSWORD } from '../rig/git-world.ts'
import { waitForProcesses } from '../rig/processes.ts'
import { createFolder, createWorkRepository, readRefs, remoteUrl } from '../rig/repository.ts'
import type { WorkRepository } from '../rig/repository.ts'
import { MAIN } from './relay-world.ts'

// As in `relay-world.ts`, but one end or both are reached over SSH.
//
//   await using world = await openSshRelayWorld({ source: 'ssh', target: 'http' })
//   const second = await world.advance('second')
//   const relayed = await world.relay()

export type Way = 'ssh' | 'http'

export type SshRelayWorld = AsyncDisposable & {
  readonly folder: string
  readonly room: TestGit
  readonly work: WorkRepository
  /** The servers of the ends that are reached over SSH. */
  readonly servers: { readonly source: GitSshServer; readonly target: GitSshServer }
  readonly source: End
  readonly target: End
  readonly first: Sha
  readonly advance: (message: string, files?: Readonly<Record<string, string>>) => Promise<Sha>
  readonly relay: (order?: Partial<RelayOrder>, signal?: AbortSignal) => Promise<Relayed>
  readonly targetHead: () => Promise<Sha | undefined>
  /** What the target holds when nobody works on it any more. */
  readonly settledHead: () => Promise<Sha | undefined>
  /** What calls have left in the room; `s` holds the shared connections. */
  readonly left: () => Promise<readonly string[]>
}

export type End = { readonly dir: string; readonly remote: Remote }

type Options = Partial<GitOptions> & {
  readonly source?: Way
  readonly target?: Way
  readonly server?: GitSshServerOptions
}

export async function openSshRelayWorld(options: Options = {}): Promise<SshRelayWorld> {
  const { source: from = 'ssh', target: to = 'ssh', server: serverOptions, ...gitOptions } = options
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const servers = {
    source: stack.use(await startGitSshServer(serverOptions)),
    target: stack.use(await startGitSshServer(serverOptions)),
  }
  const http = stack.use(await startGitHttpServer(PASSWORD))
  const room = stack.use(await openTestGit(folder, { allowWire: () => true, ...gitOptions }))
  const open = async (end: 'source' | 'target', way: Way): Promise<End> => {
    const server = way === 'ssh' ? servers[end] : http
    const { dir, url } = await server.createRepository(end)
    const key = { kind: 'ssh_key', privateKey: servers[end].userKey } as const
    return { dir, remote: { url: remoteUrl(url), credential: way === 'ssh' ? key : PASSWORD } }
  }
  const source = await open('source', from)
  const target = await open('target', to)
  const work = await createWorkRepository(folder)
  const first = await work.commit('first')
  await work.push(source.dir, 'main')
  await work.push(target.dir, 'main')
  const targetHead = async (): Promise<Sha | undefined> => (await readRefs(target.dir)).get(MAIN)
  const owned = stack.move()
  return {
    folder,
    room,
    work,
    servers,
    source,
    target,
    first,
    advance: async (message, files) => {
      const sha = await work.commit(message, files)
      await work.push(source.dir, 'HEAD:refs/heads/main')
      return sha
    },
    relay: async (order = {}, signal = AbortSignal.timeout(60_000)) => {
      const usual = {
        source: source.remote,
        target: target.remote,
        sourceRef: MAIN,
        targetRef: MAIN,
        before: first,
        hint: (await readRefs(source.dir)).get(MAIN),
      }
      return relayBranch(room.git, { ...usual, ...order }, { signal })
    },
    targetHead,
    settledHead: async () => {
      await waitForProcesses(target.dir, (processes) => processes.length === 0)
      return targetHead()
    },
    left: async () => readdir(await room.git.runtimeDir()),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A filter that lets so many bytes pass, each at once. */
export function breakOff(bytes: number): string {
  return `stdbuf -o0 head -c ${bytes}`
}
