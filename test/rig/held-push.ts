import { execFile } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installHook } from './repository.ts'

// A server that has taken a pack, and waits before it moves the branch.
//
//   await using hold = await holdPushes(folder, target.dir)
//   const pushing = push()
//   await hold.reached
//   await hold.release()

const run = promisify(execFile)

export type HeldPush = AsyncDisposable & {
  /** Resolves when a push waits. */
  readonly reached: Promise<unknown>
  readonly release: () => Promise<void>
}

export async function holdPushes(folder: string, dir: string): Promise<HeldPush> {
  const started = await createFifo(folder, 'started')
  const gate = await createFifo(folder, 'gate')
  // Both open it for both, so that nobody waits for the other and nothing is lost between them.
  await installHook(dir, 'pre-receive', `exec 3<>'${gate}'; echo yes > '${started}'; read line <&3`)
  const handle = await open(gate, 'r+')
  const release = async (): Promise<void> => void (await handle.write('go on\n'))
  return {
    reached: readFile(started),
    release,
    [Symbol.asyncDispose]: async () => {
      await release()
      await handle.close()
    },
  }
}

export async function createFifo(folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  await run('mkfifo', [path])
  return path
}
