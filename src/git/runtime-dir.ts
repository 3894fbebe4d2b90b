import { chmod, mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

// The private folder (0700) of this process, where key files and sockets live while they are used. Whoever
// tidies up temporary folders may take it away under a running daemon.

/** Resolves to the folder, made again where it is gone; asked for by everything that is about to use it. */
export type RuntimeDir = () => Promise<string>

/** The folder inside it where shared connections meet. */
export const SOCKETS = 's'

/** `prepareRoot` is what has to come first where the folder above had to go as well. */
export function keepRuntimeDir(path: string, prepareRoot: () => Promise<void>): RuntimeDir {
  let making: Promise<void> | undefined
  return async () => {
    if (await exists(join(path, SOCKETS))) return path
    making ??= makeAgain(path, prepareRoot).finally(() => (making = undefined))
    await making
    return path
  }
}

/** The folder that holds those of every process. */
export async function makeRoot(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  await chmod(root, 0o700)
}

async function makeAgain(path: string, prepareRoot: () => Promise<void>): Promise<void> {
  await prepareRoot()
  await makeRoot(dirname(path))
  await mkdir(join(path, SOCKETS), { recursive: true, mode: 0o700 })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
