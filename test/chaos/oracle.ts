import Sqlite from 'better-sqlite3'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { z } from 'zod'
import { SIDES } from '../../src/binding/binding.ts'
import type { Side } from '../../src/binding/binding.ts'
import type { Sha } from '../../src/git/refs.ts'
import { listAll } from '../rig/journey.ts'
import { leftoversIn, processesIn } from '../rig/leftovers.ts'
import { everyAnswer, plantedIn, plantedInFiles } from '../rig/planted.ts'
import { git, shaOf } from '../rig/repository.ts'
import type { Move } from './ledger.ts'
import { comeToRest } from './rest.ts'
import type { MayDiffer } from './rest.ts'
import type { Bound, Chaos } from './world.ts'

// What must hold after anything: nothing lost, nothing invented, nothing left behind, nothing told.

const BackupOnWire = z.looseObject({
  id: z.number(),
  side: z.enum(['internal', 'external']),
  ref: z.string(),
  sha: z.string().transform(shaOf),
})
type BackupOnWire = z.infer<typeof BackupOnWire>
const Requested = z.object({ data: z.object({ run_id: z.number() }) })

export type Expectations = {
  /** Whether a ref may differ at rest without being a conflict; by default none may. */
  readonly mayDiffer?: MayDiffer
  /** Refs that a person has given back to a side: these values come from backups. */
  readonly given?: readonly string[]
}

/** Brings the world to rest, checks everything and ends the daemon. Throws what does not hold. */
export async function expectNothingLost(
  chaos: Chaos,
  bounds: readonly Bound[],
  { mayDiffer, given = [] }: Expectations = {},
): Promise<void> {
  await comeToRest(chaos, bounds, mayDiffer)
  await expectAllStored(chaos)
  const moves = await chaos.ledger.moves()
  for (const bound of bounds) {
    try {
      await expectHonest(chaos, bound, moves, given)
    } catch (error) {
      throw new Error(`the binding ${bound.name}`, { cause: error })
    }
  }
  for (const bound of bounds) await expectRestorable(chaos, bound)
  await expectNothingTold(chaos)
  await chaos.daemon().stop()
  await expectNothingLeft(chaos, bounds)
}

/** Whatever became of the refs of a binding was meant, and what was taken away is kept. */
async function expectHonest(
  chaos: Chaos,
  bound: Bound,
  moves: readonly Move[],
  given: readonly string[],
): Promise<void> {
  const backups = await listBackups(chaos, bound)
  for (const side of SIDES) {
    const path = bound.repositories[side].name
    const own = moves.filter((move) => move.side === side && move.repository === path)
    const other = moves.filter((move) => move.side !== side && move.repository === path)
    expectEveryMoveKnown(own, await chaos.heads(bound, side))
    expectNothingInvented(own, other, given)
    expectKept(chaos, own, backups)
    expectDeletionsMeant(bound, own, other)
    expectSourceUntouched(bound, side, own, given)
  }
}

async function expectAllStored(chaos: Chaos): Promise<void> {
  const Row = z.looseObject({ delivery_id: z.string().nullable() })
  const rows = await listAll(chaos.daemon(), '/api/v1/deliveries', Row)
  const stored = new Set(rows.map(({ delivery_id: id }) => id))
  expect([...chaos.answered].filter((id) => !stored.has(id))).toEqual([])
}

/** However many moves a ref made, in whatever order they were written down: they lead from nothing to what it is. */
function expectEveryMoveKnown(moves: readonly Move[], refs: ReadonlyMap<string, Sha>): void {
  const names = new Set([...moves.map(({ ref }) => ref), ...refs.keys()])
  for (const ref of names) {
    const balance = new Map<string, number>()
    const count = (value: Sha | null | undefined, change: number): void => {
      const key = value ?? 'nothing'
      balance.set(key, (balance.get(key) ?? 0) + change)
    }
    count(null, 1)
    for (const move of moves.filter((one) => one.ref === ref)) {
      count(move.before, -1)
      count(move.after, 1)
    }
    count(refs.get(ref), -1)
    expect({ ref, unexplained: [...balance].filter(([, left]) => left !== 0) }).toEqual({
      ref,
      unexplained: [],
    })
  }
}

function expectNothingInvented(own: readonly Move[], other: readonly Move[], given: readonly string[]): void {
  const meant = new Set(
    other.filter(({ by }) => by === 'people').map(({ ref, after }) => `${ref} ${after ?? ''}`),
  )
  const invented = own.filter(
    ({ by, ref, after }) =>
      by === 'daemon' && after !== null && !meant.has(`${ref} ${after}`) && !given.includes(after),
  )
  expect(invented).toEqual([])
}

/** What the daemon has taken away from a side is in the backups of that side. */
function expectKept({ hands }: Chaos, own: readonly Move[], backups: readonly BackupOnWire[]): void {
  const kept = new Set(backups.map(({ side, ref, sha }) => `${side} ${ref} ${sha}`))
  const lost = own.filter(({ by, side, ref, before, after }) => {
    if (by === 'people' || before === null) return false
    const isForward = after !== null && ref.startsWith('refs/heads/') && hands.isAncestor(before, after)
    return !isForward && !kept.has(`${side} ${ref} ${before}`)
  })
  expect(lost).toEqual([])
}

/** People have deleted it on the other side; of a binding that mirrors, it is enough that they never made it there. */
function expectDeletionsMeant({ mirrors }: Bound, own: readonly Move[], other: readonly Move[]): void {
  const unmeant = own.filter(({ by, after, ref }) => {
    if (by === 'people' || after !== null) return false
    const there = other.filter((move) => move.ref === ref && move.by === 'people')
    return !there.some((move) => move.after === null) && !(mirrors && there.length === 0)
  })
  expect(unmeant).toEqual([])
}

function expectSourceUntouched(
  { direction }: Bound,
  side: Side,
  own: readonly Move[],
  given: readonly string[],
): void {
  if (direction === 'both' || side !== (direction === 'to_outer' ? 'internal' : 'external')) return
  expect(own.filter(({ by, after }) => by === 'daemon' && !given.includes(after ?? ''))).toEqual([])
}

export async function listBackups(chaos: Chaos, { name }: Bound): Promise<readonly BackupOnWire[]> {
  return listAll(chaos.daemon(), `/api/v1/bindings/${name}/backups`, BackupOnWire)
}

async function expectRestorable(chaos: Chaos, bound: Bound): Promise<void> {
  for (const { id, side, ref, sha } of await listBackups(chaos, bound)) {
    const as = ref.replace(/^(refs\/(?:heads|tags))\/.*$/, `$1/rescued-${id}`)
    const asked = await chaos.call('POST', `/api/v1/bindings/${bound.name}/backups/${id}/restore`, { as })
    const run = await chaos.attemptEnded(Requested.parse(asked.body).data.run_id)
    expect(run).toMatchObject({ status: 'succeeded' })
    expect((await chaos.heads(bound, side)).get(as)).toBe(sha)
  }
}

async function expectNothingTold(chaos: Chaos): Promise<void> {
  expect(plantedIn(await everyAnswer(chaos.daemon()))).toEqual([])
  expect(plantedIn(chaos.seenCommands.join('\n'))).toEqual([])
}

async function expectNothingLeft(chaos: Chaos, bounds: readonly Bound[]): Promise<void> {
  const { folder } = chaos
  expect(plantedIn(chaos.output())).toEqual([])
  expect(await plantedInFiles(folder)).toEqual([])
  const daemonFolders = [join(folder, 'sync'), join(folder, 'data/backups')]
  for (const path of daemonFolders) {
    expect(await processesIn(path)).toEqual([])
    expect(await leftoversIn(path)).toEqual([])
  }
  const db = new Sqlite(join(folder, 'data/reposync.db'), { readonly: true })
  expect(db.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  db.close()
  for (const { mirror, backups } of bounds) {
    for (const dir of [mirror, backups]) if (existsSync(dir)) await git(dir, 'fsck', '--connectivity-only')
  }
}
