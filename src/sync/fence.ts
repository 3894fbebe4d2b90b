import { readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { SECOND, sleep } from '../clock.ts'
import { runGit } from '../git/git.ts'
import type { GitOutcome } from '../git/git-error.ts'
import type { SyncContext } from './context.ts'

// Every git that works on a mirror holds its fence. This daemon never starts two at once, but one that
// outlived a crash may need some seconds to notice, and one that died leaves its locks behind.

const BUSY_LIMIT = 30 * SECOND
const BUSY_PAUSE = 0.2 * SECOND

/** Runs a git verb, again and again for a while when something else holds the mirror. */
export async function whenFree<Result>(
  context: SyncContext,
  verb: () => Promise<GitOutcome<Result>>,
  repository = context.mirror,
): Promise<GitOutcome<Result>> {
  const { clock } = context.deps
  const giveUpAt = clock.now() + BUSY_LIMIT
  for (;;) {
    const outcome = await verb()
    const isBusy = !outcome.ok && outcome.failure.kind === 'mirror_busy'
    if (!isBusy || clock.now() >= giveUpAt) return outcome
    // An abort ends the sleep; the verb then says that it was canceled.
    if (!(await removeLeftovers(context, repository)))
      await sleep(clock, BUSY_PAUSE, context.signal).catch(() => {})
  }
}

/** Removes locks and half-written files of a git that died; resolves to whether there were any. */
export async function removeLeftovers(context: SyncContext, repository = context.mirror): Promise<boolean> {
  if ((await findLeftovers(repository)).length === 0) return false
  if (!(await isFree(context, repository))) return false
  // Looked up again: whoever held the fence before may have tidied up by itself.
  const leftovers = await findLeftovers(repository)
  await Promise.all(leftovers.map((path) => rm(join(repository, path), { recursive: true, force: true })))
  context.deps.logger.warn({ subject: context.request.subject, leftovers }, 'leftovers of a dead git removed')
  return leftovers.length > 0
}

// Any git that gets past the fence proves that no other one is alive, whatever it says about the mirror.
async function isFree({ deps, signal }: SyncContext, repository: string): Promise<boolean> {
  const call = {
    operation: 'probe',
    args: ['rev-parse', '--git-dir'],
    gitDir: repository,
    fenced: true,
    signal,
  }
  const result = await runGit(deps.git, call)
  return result.kind === 'exited'
}

async function findLeftovers(repository: string): Promise<readonly string[]> {
  const paths = await readdir(repository, { recursive: true })
  return paths.filter((path) => path.endsWith('.lock') || isUnfinishedObject(path))
}

// Only among the objects: a branch may be called tmp_pack_1 or release.keep.
function isUnfinishedObject(path: string): boolean {
  if (!path.startsWith('objects/')) return false
  return /^(?:tmp_|incoming-)/.test(basename(path)) || path.endsWith('.keep')
}
