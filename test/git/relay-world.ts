import type { RefName, Sha } from '../../src/git/refs.ts'
import type { Relayed, RelayOrder } from '../../src/git/relay.ts'
import { relayBranch } from '../../src/git/relay.ts'
import type { GitOptions } from '../../src/git/room.ts'
import type { GitHttpServer, GitHttpServerOptions, ServedRepository } from '../rig/git-http-server.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { openTestGit } from '../rig/git-room.ts'
import type { TestGit } from '../rig/git-room.ts'
import { PASSWORD, refName } from '../rig/git-world.ts'
import { createFolder, createWorkRepository, readRefs, remoteUrl } from '../rig/repository.ts'
import type { WorkRepository } from '../rig/repository.ts'

// Two servers with a password, a repository on each that both hold one commit, and a relay between them.
//
//   await using world = await openRelayWorld()
//   const second = await world.advance('second')          // the source moves on
//   const relayed = await world.relay()                   // with the hint that a good webhook gives
//   expect(await world.targetHead()).toBe(second)

export const MAIN = refName('refs/heads/main')

export type RelayWorld = AsyncDisposable & {
  readonly room: TestGit
  readonly work: WorkRepository
  readonly servers: { readonly source: GitHttpServer; readonly target: GitHttpServer }
  readonly source: ServedRepository
  readonly target: ServedRepository
  /** What both sides hold at first. */
  readonly first: Sha
  /** Commits and pushes to the source; returns what it holds then. */
  readonly advance: (message: string, files?: Readonly<Record<string, string>>) => Promise<Sha>
  /** From `first` to what the source holds, unless said otherwise. */
  readonly relay: (order?: Partial<RelayOrder>, signal?: AbortSignal) => Promise<Relayed>
  readonly targetHead: (ref?: RefName) => Promise<Sha | undefined>
}

export async function openRelayWorld(
  options: Partial<GitOptions> & { readonly target?: GitHttpServerOptions } = {},
): Promise<RelayWorld> {
  const { target: targetOptions = PASSWORD, ...gitOptions } = options
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const room = stack.use(await openTestGit(folder, { allowWire: () => true, ...gitOptions }))
  const servers = {
    source: stack.use(await startGitHttpServer(PASSWORD)),
    target: stack.use(await startGitHttpServer(targetOptions)),
  }
  const source = await servers.source.createRepository('team/app')
  const target = await servers.target.createRepository('mirror/app')
  const work = await createWorkRepository(folder)
  const first = await work.commit('first')
  await work.push(source.dir, 'main')
  await work.push(target.dir, 'main')
  const remoteOf = ({ url }: ServedRepository) => ({ url: remoteUrl(url), credential: PASSWORD })
  const owned = stack.move()
  return {
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
      const head = (await readRefs(source.dir)).get(order.sourceRef ?? MAIN)
      const usual = {
        source: remoteOf(source),
        target: remoteOf(target),
        sourceRef: MAIN,
        targetRef: MAIN,
        before: first,
        hint: head,
      }
      return relayBranch(room.git, { ...usual, ...order }, { signal })
    },
    targetHead: async (ref = MAIN) => (await readRefs(target.dir)).get(ref),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The kind of doubt, and where it arose; `undefined` when the branch was relayed. */
export function doubtOf(relayed: Relayed): readonly [kind: string, at: string | undefined] | undefined {
  return relayed.ok ? undefined : [relayed.doubt.kind, relayed.at]
}
