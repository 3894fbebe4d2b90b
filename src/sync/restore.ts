import { join } from 'node:path'
import { stat } from 'node:fs/promises'
import { copyTo, deleteLocalRefs } from '../git/mirror-repository.ts'
import type { SyncContext } from './context.ts'
import { whenFree } from './fence.ts'
import { forceOffers } from './force.ts'
import { repositoryDir } from './mirror.ts'
import { failedOn, NOTHING_SETTLED } from './outcome.ts'
import type { Settled } from './outcome.ts'
import { sourceOf } from './sides.ts'
import type { Restore } from './sync.ts'

/** Gives a kept head back to a side; what that side holds by then is kept first, like before any forced update. */
export async function restoreHead(context: SyncContext, restore: Restore): Promise<Settled> {
  const { deps, mirror, request, signal } = context
  const vault = repositoryDir(deps.backupDir, restore.from)
  if (request.direction === 'both') throw new Error('a head is brought back to one side')
  if ((await stat(join(vault, 'HEAD')).catch(() => undefined)) === undefined) {
    const detail = 'the backup repository is not there any more'
    return { ...NOTHING_SETTLED, ...failedOn(undefined, { kind: 'backup_missing', detail }) }
  }
  const ref = `refs/restore/${restore.sha}`
  const copied = await whenFree(context, () =>
    copyTo(deps.git, vault, mirror, [{ sha: restore.sha, ref }], { durable: false, signal }),
  )
  if (!copied.ok) return { ...NOTHING_SETTLED, failure: failedOn(undefined, copied.failure).failure }
  const offer = { pair: restore.pair, sha: restore.sha, before: null }
  const settled = await forceOffers(context, sourceOf(request.direction), [offer], 'restore')
  await deleteLocalRefs(deps.git, mirror, [ref], signal)
  return settled
}
