import type { Direction, Side } from '../../src/binding/binding.ts'
import type { Sha } from '../../src/git/refs.ts'
import type { SyncOutcome, SyncRequest } from '../../src/sync/sync.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { git, readRefs } from '../rig/repository.ts'
import { pair, ref } from './comparison.ts'
import type { World } from './world.ts'
import { createWorld } from './world.ts'

// The same story told twice, once with the relay and once with git alone: both must end alike. Commits have
// other ids each time, so what is compared are their messages.

export type Story = {
  /** Makes what both sides hold and what has happened since; both sides hold `first` on `main` before. */
  readonly prepare: (world: World) => Promise<void>
  readonly direction?: Direction
  readonly pushedOn?: Side
  /** Names of the branch on both sides; `main` otherwise. */
  readonly names?: readonly [internal: string, external: string]
  /** The commit that the webhook names; what the source holds otherwise. */
  readonly hint?: (world: World) => Promise<Sha | undefined>
  readonly idleTimeoutMs?: number
  readonly externalFormat?: 'sha1' | 'sha256'
}

export type Ending = {
  /** What came of the sync that had to cope with it, and of the next one, when everything works again. */
  readonly syncs: readonly unknown[]
  readonly heads: Readonly<Record<Side, unknown>>
}

export async function tell(
  story: Story,
  relays: boolean,
  way: 'http' | 'ssh' = 'http',
): Promise<Ending & { readonly processes: readonly string[] }> {
  const { idleTimeoutMs, externalFormat, names = ['main', 'main'] } = story
  await using ssh = way === 'ssh' ? await startGitSshServer() : undefined
  await using world = await createWorld({
    relays,
    ...(ssh === undefined ? {} : { ssh }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(externalFormat === undefined ? {} : { externalFormat }),
  })
  await world.work.commit('first')
  if (externalFormat === undefined) {
    await world.push('internal', `main:${names[0]}`)
    await world.push('external', `main:${names[1]}`)
    await world.sync({ scope: [pair(...names)] })
  } else await world.push('internal', 'main')

  await story.prepare(world)
  const first = await world.sync(await requestOf(story, world))
  const processes = [...world.processes]
  world.server.fault('*', { kind: 'ok' })
  for (const { name } of Object.values(world.repositories)) world.server.fault(name, { kind: 'ok' })
  const again = await world.sync(await requestOf(story, world))
  return {
    syncs: [await describe(world, first), await describe(world, again)],
    heads: { internal: await headsOf(world, 'internal'), external: await headsOf(world, 'external') },
    processes,
  }
}

async function requestOf(story: Story, world: World): Promise<Partial<SyncRequest>> {
  const { direction = 'to_outer', pushedOn, names = ['main', 'main'] } = story
  const from = direction === 'to_inter' || pushedOn === 'external' ? 'external' : 'internal'
  const branch = ref(names[from === 'internal' ? 0 : 1])
  const hint = (await story.hint?.(world)) ?? (await readRefs(world.repositories[from].dir)).get(branch)
  return {
    direction,
    ...(pushedOn === undefined ? {} : { pushedOn }),
    scope: [pair(...names)],
    hints: new Map(hint === undefined ? [] : [[ref(names[0]), hint]]),
  }
}

async function describe(world: World, { refs, agreed, missing, failure }: SyncOutcome): Promise<unknown> {
  return {
    refs: await Promise.all(
      refs.map(async (outcome) => ({
        ...outcome,
        before: await nameOf(world, outcome.before),
        after: await nameOf(world, outcome.after),
        reason:
          outcome.result === 'rejected' ? 'in other words' : outcome.reason?.replace(/[0-9a-f]{7}/g, 'id'),
        divergence: undefined,
      })),
    ),
    agreed: await Promise.all([...agreed].map(async ([name, sha]) => [name, await nameOf(world, sha)])),
    missing: [...missing],
    failure: failure === undefined ? undefined : { kind: failure.kind, side: failure.side },
  }
}

async function headsOf(world: World, side: Side): Promise<unknown> {
  const refs = Object.entries(await world.heads(side))
  return Promise.all(refs.map(async ([name, sha]) => [name, await nameOf(world, sha)]))
}

async function nameOf(world: World, sha: Sha | null): Promise<string | null> {
  if (sha === null) return null
  return git(world.work.dir, 'show', '--no-patch', '--format=%s', sha).catch(() => 'unknown')
}
