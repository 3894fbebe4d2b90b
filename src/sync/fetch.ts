import { statfs } from 'node:fs/promises'
import type { Side } from '../binding/binding.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import { deleteLocalRefs, listLocalRefs, packRefs, readRef } from '../git/mirror-repository.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { fetchRefs } from '../git/remote.ts'
import { whenFree } from './fence.ts'
import type { SyncContext } from './context.ts'
import { trackingRef } from './mirror.ts'
import { narrateCommand } from './narrate.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import type { Listing } from './plan.ts'

export type Fetched = { readonly ok: true; readonly heads: Listing } | Failed

/** No fetch starts with less than this left for mirrors. */
export const MINIMUM_FREE_BYTES = 128 * 2 ** 20
// Up to here reading files one by one beats starting one more git.
const READ_ONE_BY_ONE = 50
// Git matches every wanted name with every name the server has; beyond this, taking all of them is faster.
const NAME_ONE_BY_ONE = 100
// Where not everything is wanted, naming saves what the rest takes, until it takes git a minute by itself.
const NAME_AT_MOST = 2000
// So many new refs are worth one more git, which every later one gains from.
const PACK_AT_ONCE = 5000

/** Brings these refs of a side into the mirror, with one git, and tells what they point at. */
export async function fetchHeads(
  context: SyncContext,
  side: Side,
  refs: readonly RefName[],
): Promise<Fetched> {
  if (refs.length === 0) return { ok: true, heads: new Map() }
  const space = await checkSpace(context)
  if (space !== undefined) return space
  narrateCommand(context.log, 'fetch', side, refs)
  const { scope, rules } = context.request
  const coversAll = scope === 'all' && rules.takesEverything
  const takesAll = refs.length > (coversAll ? NAME_ONE_BY_ONE : NAME_AT_MOST)
  const fetched = await context.timed('fetch', () => fetchOnce(context, side, refs, { takesAll }))
  if (fetched.ok) return readHeads(context, side, refs)
  const { kind } = fetched.failure
  if (kind !== 'name_taken' && !isMirrorSuspect(kind)) return failedOn(side, fetched.failure)
  // Git clears the way by itself when it takes all; naming tens of thousands of refs would take it very long.
  const mayRepeat = takesAll
    ? kind === 'name_taken' || kind === 'mirror_damaged'
    : await clearTheWay(context, side, refs)
  if (!mayRepeat) return failedOn(side, fetched.failure)
  const again = await context.timed('fetch', () => fetchOnce(context, side, refs, { takesAll, pruned: true }))
  return again.ok ? readHeads(context, side, refs) : failedOn(side, again.failure)
}

/** Whether a failure of this kind may come from the state of the mirror and not from the other end. */
export function isMirrorSuspect(kind: GitErrorKind): boolean {
  return (
    kind === 'mirror_damaged' || kind === 'bad_objects' || kind === 'unknown' || kind === 'local_permission'
  )
}

function fetchOnce(
  context: SyncContext,
  side: Side,
  refs: readonly RefName[],
  { takesAll, pruned = false }: { readonly takesAll: boolean; readonly pruned?: boolean },
): ReturnType<typeof fetchRefs> {
  const { deps, mirror, request, signal } = context
  const refspecs = takesAll
    ? { allInto: `refs/${side}`, pruned }
    : refs.map((ref) => ({ source: ref, target: trackingRef(side, ref) }))
  return whenFree(context, () => fetchRefs(deps.git, mirror, request.remotes[side], refspecs, { signal }))
}

async function readHeads(context: SyncContext, side: Side, refs: readonly RefName[]): Promise<Fetched> {
  const { deps, mirror, signal } = context
  const heads = new Map<RefName, Sha>()
  if (refs.length > PACK_AT_ONCE) await packRefs(deps.git, mirror, signal)
  const listed =
    refs.length > READ_ONE_BY_ONE ? await listLocalRefs(deps.git, mirror, `refs/${side}/`, signal) : undefined
  if (listed?.ok === false) return failedOn(undefined, listed.failure)
  for (const ref of refs) {
    const name = trackingRef(side, ref)
    const head = listed === undefined ? await readRef(mirror, name) : listed.refs.get(name)
    if (head === undefined || head === 'damaged') {
      return failedOn(undefined, {
        kind: 'mirror_damaged',
        detail: `${name} cannot be read after it was fetched`,
      })
    }
    heads.set(ref, head)
  }
  return { ok: true, heads }
}

// Where the source turned `a` into `a/b`, the head that the mirror remembers of `a` is in the way.
async function clearTheWay(context: SyncContext, side: Side, refs: readonly RefName[]): Promise<boolean> {
  const { deps, mirror, signal } = context
  const listed = await listLocalRefs(deps.git, mirror, `refs/${side}/`, signal)
  if (!listed.ok) return false
  const wanted = refs.map((ref) => trackingRef(side, ref))
  const folders = new Set(wanted.flatMap(parentsOf))
  const wantedSet = new Set(wanted)
  const blocking = [...listed.refs.keys()].filter(
    (name) => folders.has(name) || parentsOf(name).some((parent) => wantedSet.has(parent)),
  )
  if (blocking.length === 0) return false
  const deleted = await deleteLocalRefs(deps.git, mirror, blocking, signal)
  return deleted.ok
}

function parentsOf(name: string): readonly string[] {
  const parts = name.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

async function checkSpace({ deps, mirror }: SyncContext): Promise<Failed | undefined> {
  const { bavail, bsize } = await statfs(mirror)
  const minimum = deps.minimumFreeBytes ?? MINIMUM_FREE_BYTES
  if (bavail * bsize >= minimum) return undefined
  const left = Math.floor((bavail * bsize) / 2 ** 20)
  const detail = `only ${left} MB are left where mirrors are kept, at least ${Math.ceil(minimum / 2 ** 20)} MB are needed`
  return failedOn(undefined, { kind: 'disk_full', detail })
}
