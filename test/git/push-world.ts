import type { Sha } from '../../src/git/refs.ts'
import { pushRefs } from '../../src/git/remote.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { refName } from '../rig/git-world.ts'

const { signal } = new AbortController()
export const MAIN = refName('refs/heads/main')
export const OK = { status: 'ok', kind: null, reason: null }

export type Update = { readonly ref: string; readonly sha: Sha | null; readonly lease?: Sha | null }

export function push(world: GitWorld, ...updates: readonly Update[]): ReturnType<typeof pushRefs> {
  const named = updates.map((update) => ({ ...update, ref: refName(update.ref) }))
  return pushRefs(world.room.git, world.mirror, world.remote, named, { signal })
}

/** The app has `theirs` on main, the mirror knows `ours`; both start from the same commit. */
export async function diverge(world: GitWorld): Promise<{ readonly ours: Sha; readonly theirs: Sha }> {
  await world.work.commit('base')
  const theirs = await world.work.commit('theirs')
  await world.work.push(world.app.dir, 'main')
  const ours = await world.work.amend('ours')
  await world.mirrorWork()
  return { ours, theirs }
}
