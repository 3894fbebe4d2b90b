import type { Side } from '../binding/binding.ts'
import type { PushStep } from '../git/push-history.ts'
import { isTagRef, shortName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import { short } from './outcome.ts'
import type { Way } from './sides.ts'
import type { RefOutcome, SyncLog } from './sync.ts'

// The lines of the documented sync log that speak of refs and commands. People read them, so thousands of
// refs become a few lines and a number; addresses and credentials never come here.

const SHOWN_REFS = 50

/** `Execute cmd: git fetch internal main`, as if it had been typed. */
export function narrateCommand(
  log: SyncLog,
  verb: 'fetch' | 'push',
  side: Side,
  refs: readonly RefName[],
): void {
  const names = refs.slice(0, SHOWN_REFS).map(shortName).join(' ')
  log('INFO', `Execute cmd: git ${verb} ${side} ${names}${more(refs.length)}`)
}

/** Refs that nobody but git can name. */
export function narrateLeftOut(log: SyncLog, side: Side, notUtf8: readonly string[]): void {
  const names = `${notUtf8.slice(0, SHOWN_REFS).join(' ')}${more(notUtf8.length)}`
  log('INFO', `名称不是 UTF-8，不同步 / left out on ${side}, because the name is not UTF-8: ${names}`)
}

/** How far a branch has come that is too large for one push. */
export function narrateStep(log: SyncLog, { ref, sha, done, of }: PushStep): void {
  log(
    'INFO',
    `分步推送 / too large for one push: ${shortName(ref)} at ${short(sha)}, ${done} of ${of} commits`,
  )
}

/** `Execute inter to outer main branch Sync`, once per ref. */
export function narrateWay(log: SyncLog, way: Way, refs: readonly RefName[]): void {
  const path = way === 'to_outer' ? 'inter to outer' : 'outer to inter'
  for (const ref of refs.slice(0, SHOWN_REFS)) {
    log('INFO', `Execute ${path} ${shortName(ref)} ${isTagRef(ref) ? 'tag' : 'branch'} Sync`)
  }
  if (refs.length > SHOWN_REFS) log('INFO', `Execute ${path} Sync${more(refs.length)}`)
}

/** What became of each ref: the commit that arrived, or why it did not. */
export function narrateOutcomes(log: SyncLog, outcomes: readonly RefOutcome[]): void {
  const equal = outcomes.filter(({ result, kind }) => result === 'up_to_date' && kind === null).length
  const others = outcomes.filter(({ result, kind }) => result !== 'up_to_date' || kind !== null)
  for (const outcome of others.slice(0, SHOWN_REFS)) narrateOutcome(log, outcome)
  if (others.length > SHOWN_REFS) log('INFO', more(others.length).trim())
  if (equal > 0) log('INFO', `${equal} already equal / 已一致`)
}

/** How much is about to be brought to a side. */
export function narrateObjects(log: SyncLog, to: Side, objects: readonly { readonly size: number }[]): void {
  if (objects.length === 0) return
  const megabytes = objects.reduce((sum, { size }) => sum + size, 0) / 2 ** 20
  log(
    'INFO',
    `LFS: 传输 ${objects.length} 个对象 / objects to ${to}: ${objects.length}, ${megabytes.toFixed(1)} MB`,
  )
}

function narrateOutcome(log: SyncLog, { pair, result, after, reason, kind }: RefOutcome): void {
  const name = shortName(pair.internal)
  const said = `${name}: ${reason ?? kind ?? 'refused'}`
  if (result === 'rejected') log('ERROR', said, `${name}: ${kind ?? 'refused'}`)
  else if (result === 'conflict') log('ERROR', said)
  else if (result === 'up_to_date') log('INFO', `${name}: ${reason ?? 'already equal'}`)
  else if (after !== null) log('INFO', `[COMMIT ID: ${short(after)}]`)
}

function more(count: number): string {
  return count > SHOWN_REFS ? ` … and ${count - SHOWN_REFS} more` : ''
}
