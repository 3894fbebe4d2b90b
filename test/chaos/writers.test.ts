import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SIDES } from '../../src/binding/binding.ts'
import type { Side } from '../../src/binding/binding.ts'
import { SECOND } from '../../src/clock.ts'
import type { Sha } from '../../src/git/refs.ts'
import { createBareRepository, git } from '../rig/repository.ts'
import type { Move } from './ledger.ts'
import { expectNothingLost, listBackups } from './oracle.ts'
import { comeToRest, openConflicts } from './rest.ts'
import type { ConflictOnWire } from './rest.ts'
import { numbersFrom, pick } from './schedule.ts'
import type { Random } from './schedule.ts'
import { startChaos } from './world.ts'
import type { Bound, Chaos } from './world.ts'

// Two people, one per side, who push with real git and do not know of each other, and a daemon that is killed
// again and again. CHAOS_SEED=2 is another course of events, CHAOS_SECONDS=15 a short one.

const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 120)
const SEED = Number(process.env['CHAOS_SEED'] ?? 1)
const BRANCHES = Array.from({ length: 20 }, (_, number) => `refs/heads/topic/${number}`)

test(
  'two writers who rewrite what they like lose nothing to a daemon that dies again and again',
  async () => {
    // A server that was killed with its daemon is no server in trouble.
    await using chaos = await startChaos({ apart: true, relays: true, env: { RECONCILE_INTERVAL: '1m' } })
    const app = await chaos.bind('app', { direction: 'both' })
    const root = chaos.hands.commit('root')
    const first = chaos.hands.commit('first', [root])
    for (const side of SIDES) for (const ref of BRANCHES) await chaos.set(app, side, ref, first)
    const end = performance.now() + SECONDS * SECOND

    const writers = SIDES.map((side, number) => write(chaos, app, side, numbersFrom(SEED + number), end))
    const kills = await killUntil(chaos, numbersFrom(SEED + 2), end)
    const pushes = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0)
    await comeToRest(chaos, [app])
    await decideAll(chaos, app, numbersFrom(SEED + 3))
    await chaos.kill()
    await chaos.start()
    await comeToRest(chaos, [app])
    const overwritten = await listBackups(chaos, app)
    const lost = await commitsThatTheDaemonLost(chaos, app)

    expect(kills).toBeGreaterThan(SECONDS / 15)
    expect(pushes).toBeGreaterThan(SECONDS)
    expect(overwritten.length).toBeGreaterThan(0)
    expect(lost).toEqual([])
    await expectNothingLost(chaos, [app])
  },
  (SECONDS + 300) * SECOND,
)

/** Resolves to how many pushes went through. */
async function write(chaos: Chaos, app: Bound, side: Side, random: Random, end: number): Promise<number> {
  const { hands } = chaos
  const { dir } = app.repositories[side]
  const desk = join(chaos.folder, `desk-${side}.git`)
  await createBareRepository(desk)
  let pushes = 0
  for (let number = 0; performance.now() < end; number += 1) {
    const ref = pick(random, BRANCHES)
    const seen = (await chaos.heads(app, side)).get(ref)
    if (seen === undefined) throw new Error(`${ref} has gone`)
    const [parent = seen] = hands.parents(seen)
    const choice = random()
    if (choice < 0.1) await letWin(chaos, app, pick(random, SIDES), random)
    const to =
      choice < 0.8
        ? hands.commit(`${side} ${number}`, [seen])
        : hands.commit(`${side} again ${number}`, [parent])
    await hands.bring(desk, to)
    // Where the daemon was quicker, git refuses, and the person looks again.
    const lease = `--force-with-lease=${ref}:${seen}`
    const isPushed = await git(desk, 'push', '--quiet', lease, '--', dir, `${to}:${ref}`).then(
      () => true,
      () => false,
    )
    if (!isPushed) continue
    pushes += 1
    // Of a daemon that is down nobody answers, and the forge does not try again.
    if (random() < 0.8) await chaos.tell(app, side, ref, to, seen).catch(() => {})
  }
  return pushes
}

/** A person decides about one of the conflicts that are shown. */
async function letWin(chaos: Chaos, app: Bound, take: Side, random: Random): Promise<void> {
  try {
    const conflicts = await openConflicts(chaos, app)
    if (conflicts.length > 0) await resolve(chaos, pick(random, conflicts), take)
  } catch {
    // Nobody answers.
  }
}

/** Everybody stands still, and somebody goes through all conflicts that are left. */
async function decideAll(chaos: Chaos, app: Bound, random: Random): Promise<void> {
  for (const conflict of await openConflicts(chaos, app)) await resolve(chaos, conflict, pick(random, SIDES))
}

async function resolve(chaos: Chaos, { ref }: ConflictOnWire, take: Side): Promise<void> {
  const path = `/api/v1/bindings/app/conflicts/${encodeURIComponent(ref)}/resolve`
  await chaos.call('POST', path, { take })
}

async function killUntil(chaos: Chaos, random: Random, end: number): Promise<number> {
  let kills = 0
  while (performance.now() < end) {
    await sleep(0.5 * SECOND + random() * 3 * SECOND)
    await chaos.kill()
    await chaos.start()
    kills += 1
  }
  return kills
}

/** Commits that no side and no backup reaches any more, unless people have removed them wherever they were. */
async function commitsThatTheDaemonLost(chaos: Chaos, app: Bound): Promise<readonly Sha[]> {
  const moves = await chaos.ledger.moves()
  const kept = (await listBackups(chaos, app)).map(({ sha }) => sha)
  const heads = await Promise.all(SIDES.map((side) => chaos.heads(app, side)))
  const reachable = new Set(
    [...heads.flatMap((refs) => [...refs.values()]), ...kept].flatMap((sha) => [...chaos.hands.past(sha)]),
  )
  const pushed = new Set(moves.flatMap(({ by, after }) => (by === 'people' && after !== null ? [after] : [])))
  return [...pushed].filter((sha) => !reachable.has(sha) && !isRemovedByPeople(chaos, moves, sha))
}

function isRemovedByPeople({ hands }: Chaos, moves: readonly Move[], sha: Sha): boolean {
  const holds = (value: Sha | null): boolean => value !== null && hands.isAncestor(sha, value)
  return SIDES.every((side) => {
    const own = moves.filter((move) => move.side === side)
    const wasThere = own.some(({ after }) => holds(after))
    return !wasThere || own.some(({ by, before, after }) => by === 'people' && holds(before) && !holds(after))
  })
}
