import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import type { BoundPair } from '../rig/journey.ts'
import { git, readRefs } from '../rig/repository.ts'

// One binding called app, whose branches come and go.

/** Branches on the inner side that were synced once; returns their commit. */
export async function branches(world: ClockedDaemon, app: BoundPair, names: readonly string[]) {
  const commit = await world.work.commit('base')
  await world.work.push(app.inner.dir, ...names.map((name) => `HEAD:refs/heads/${name}`))
  await sync(world)
  return commit
}

export function sync(world: ClockedDaemon) {
  return world.call('POST', '/cerobot/sync/repo/app')
}

export async function remove({ dir }: { readonly dir: string }, branch: string): Promise<void> {
  await git(dir, 'update-ref', '-d', `refs/heads/${branch}`)
}

export async function namesOf({ dir }: { readonly dir: string }): Promise<readonly string[]> {
  return [...(await readRefs(dir)).keys()].map((name) => name.replace('refs/heads/', ''))
}
