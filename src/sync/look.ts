import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { initBare } from '../git/mirror-repository.ts'
import type { RemoteDeps } from '../git/remote.ts'

/**
 * Lends a repository for one look, which reads the objects of another one where that exists: what is fetched into
 * it disturbs no sync, and goes with it.
 */
export async function withLookRepository<T>(
  git: Pick<RemoteDeps, 'runtimeDir'>,
  lender: string,
  use: (dir: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(await git.runtimeDir(), 'look-'))
  try {
    const dir = join(folder, 'look.git')
    await initBare(dir)
    if ((await stat(join(lender, 'objects')).catch(() => undefined)) !== undefined) {
      await writeFile(join(dir, 'objects', 'info', 'alternates'), `${join(lender, 'objects')}\n`)
    }
    return await use(dir)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
