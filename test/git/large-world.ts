import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PushStep } from '../../src/git/push-history.ts'
import type { Sha } from '../../src/git/refs.ts'
import { pushRefs } from '../../src/git/remote.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { refName } from '../rig/git-world.ts'
import { installHook } from '../rig/repository.ts'
import type { Update } from './push-world.ts'

// Pushes that are larger than a server takes at once.

export const KB = 1024

export function push(
  world: GitWorld,
  updates: readonly Update[],
  options: { readonly onStep?: (step: PushStep) => void; readonly signal?: AbortSignal } = {},
): ReturnType<typeof pushRefs> {
  const named = updates.map((update) => ({ ...update, ref: refName(update.ref) }))
  const { signal = new AbortController().signal } = options
  return pushRefs(world.room.git, world.mirror, world.remote, named, { ...options, signal })
}

/** Commits that take about so many bytes each, on the current branch. */
export async function commitLarge(
  world: GitWorld,
  count: number,
  bytes: number,
  name = 'part',
): Promise<Sha[]> {
  const commits: Sha[] = []
  for (let number = 0; number < count; number += 1) {
    const content = randomBytes(Math.ceil(bytes * 0.75)).toString('base64')
    commits.push(await world.work.commit(`${name} ${number}`, { [`${name}-${number}.txt`]: content }))
  }
  return commits
}

export function limit(world: GitWorld, bytes: number, how: 'refuse' | 'cut' = 'refuse'): void {
  world.server.fault('*', { kind: 'upload_limit', bytes, how })
}

/** Every value that a ref of the server has had, as the server saw it. */
export async function record(world: GitWorld): Promise<() => Promise<readonly string[]>> {
  const file = join(world.folder, 'seen')
  await writeFile(file, '')
  await installHook(world.app.dir, 'post-receive', `cat >> ${file}`)
  return async () => {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
    return lines.map((line) => line.split(' ')[1] ?? '')
  }
}

export function pushesOf(world: GitWorld): number {
  return world.room.operations.filter((name) => name === 'push').length
}
