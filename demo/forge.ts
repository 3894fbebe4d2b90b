import type { ForgeName } from '../src/forge/forge.ts'
import type { Sha } from '../src/git/refs.ts'
import { pushFrom } from '../test/rig/deliveries.ts'
import type { SentRequest } from '../test/rig/deliveries.ts'
import { startGitHttpServer } from '../test/rig/git-http-server.ts'
import type { ServedRepository } from '../test/rig/git-http-server.ts'
import { readRefs } from '../test/rig/repository.ts'

// A forge in small: a git server with a password that tells by signed webhooks what a push has moved.

export type Owner = { readonly username: string; readonly password: string }

/** The webhook that the forge sends for one ref. */
export type Webhook = { readonly ref: string; readonly after: Sha | null; readonly request: SentRequest }

export type DemoForge = AsyncDisposable & {
  readonly kind: ForgeName
  readonly owner: string
  readonly origin: string
  /** As a binding takes it: `user:password`. */
  readonly token: string
  readonly createRepository: (name: string) => Promise<ServedRepository>
  /** The address with the owner's name and password in it, for git on the command line. */
  readonly pushAddress: (repository: ServedRepository) => string
  readonly head: (repository: ServedRepository, ref: string) => Promise<Sha | undefined>
  /** When the newest push to the repository was answered, on the clock of `performance.now()`. */
  readonly pushedAt: (repository: ServedRepository) => number | undefined
  /** One webhook for every ref that has moved since this was asked the last time. */
  readonly webhooks: (repository: ServedRepository) => Promise<readonly Webhook[]>
  /** From now on `listen` is called after every push to the repository. */
  readonly onPush: (repository: ServedRepository, listen: () => void) => void
}

export async function startForge(kind: ForgeName, owner: Owner, secret: string): Promise<DemoForge> {
  const listeners = new Map<string, () => void>()
  const announced = new Map<string, ReadonlyMap<string, Sha>>()
  const pushTimes = new Map<string, number>()
  const server = await startGitHttpServer({
    ...owner,
    onPush: (name) => {
      pushTimes.set(name, performance.now())
      listeners.get(name)?.()
    },
  })
  return {
    kind,
    owner: owner.username,
    origin: server.origin,
    token: `${owner.username}:${owner.password}`,
    createRepository: (name) => server.createRepository(name),
    pushAddress: ({ url }) => url.replace('://', `://${owner.username}:${owner.password}@`),
    head: async ({ dir }, ref) => (await readRefs(dir)).get(ref),
    pushedAt: ({ name }) => pushTimes.get(name),
    webhooks: async ({ name, url, dir }) => {
      const refs = await readRefs(dir)
      const known = announced.get(name) ?? new Map<string, Sha>()
      announced.set(name, refs)
      const moved = [...new Set([...known.keys(), ...refs.keys()])].filter(
        (ref) => known.get(ref) !== refs.get(ref),
      )
      return moved.map((ref) => {
        const [before, after] = [known.get(ref) ?? null, refs.get(ref) ?? null]
        const repository = { fullName: name, cloneUrl: url }
        const push = { repository, ref, before, after, secret, pusher: owner.username }
        return { ref, after, request: pushFrom(kind, push) }
      })
    },
    onPush: ({ name }, listen) => void listeners.set(name, listen),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
