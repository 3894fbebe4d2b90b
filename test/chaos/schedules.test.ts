import { expect, test } from 'vitest'
import { z } from 'zod'
import { mayDiffer, oddConflicts } from './model.ts'
import { expectNothingLost } from './oracle.ts'
import { playSchedules } from './player.ts'
import type { Played } from './player.ts'
import { comeToRest, openConflicts } from './rest.ts'
import type { MayDiffer } from './rest.ts'
import { drawSchedule } from './schedule.ts'
import type { Schedule } from './schedule.ts'
import type { Carrier } from './story.ts'
import { startChaos } from './world.ts'
import type { Bound, Chaos } from './world.ts'

// Two hundred schedules that nobody has thought of. Schedules of one group share a daemon and its kills, so a group
// is repeated as a whole: CHAOS_SEED=41 CHAOS_SCHEDULES=20 npx vitest run test/chaos/schedules.test.ts

const FIRST_SEED = Number(process.env['CHAOS_SEED'] ?? 1)
const SCHEDULES = Number(process.env['CHAOS_SCHEDULES'] ?? 200)
const DEEDS = Number(process.env['CHAOS_DEEDS'] ?? 4)
const GROUP = 25

// CHAOS_CARRIER repeats what was met with one of them.
const CARRIERS = z
  .array(z.enum(['git', 'relay']))
  .parse((process.env['CHAOS_CARRIER'] ?? 'git,relay').split(','))

const GROUPS = Array.from({ length: Math.ceil(SCHEDULES / GROUP) }, (_, number) => ({
  first: FIRST_SEED + number * GROUP,
  carrier: CARRIERS[number % CARRIERS.length] ?? 'git',
  count: Math.min(GROUP, SCHEDULES - number * GROUP),
}))

test.each(GROUPS)(
  'schedules $first and the $count from there lose nothing by $carrier, and end as the model says',
  async ({ first, count, carrier }) => {
    const schedules = Array.from({ length: count }, (_, number) => drawSchedule(first + number, DEEDS))
    try {
      const odd = await playAll(schedules, carrier)

      expect(odd).toEqual([])
    } catch (error) {
      const again = `CHAOS_CARRIER=${carrier} CHAOS_SEED=${first} CHAOS_SCHEDULES=${count} CHAOS_DEEDS=${DEEDS}`
      console.log(`To repeat: ${again} npx vitest run test/chaos/schedules.test.ts`)
      for (const schedule of schedules) console.log(JSON.stringify(schedule))
      throw error
    }
  },
  600_000,
)

/** Resolves to conflicts that nobody gave a reason for; throws whatever else does not hold. */
async function playAll(schedules: readonly Schedule[], carrier: Carrier): Promise<readonly string[]> {
  const env = { SYNC_HOST_CONCURRENCY: '6', SYNC_CONCURRENCY: '6' }
  await using chaos = await startChaos({ apart: true, env, relays: carrier === 'relay' })

  const played = await playSchedules(chaos, schedules)
  for (const forge of Object.values(chaos.forges)) forge.mend()
  const bounds = played.map(({ bound }) => bound)
  const isMeant: MayDiffer = (bound, heads) => {
    const { schedule } = playedOf(played, bound)
    const own = chaos.ledger
      .byHand()
      .filter(({ repository }) => repository === bound.repositories.internal.name)
    return mayDiffer(schedule, own, heads)
  }
  await comeToRest(chaos, bounds, isMeant)

  const odd = await oddities(chaos, played)
  await expectNothingLost(chaos, bounds, { mayDiffer: isMeant, given: played.flatMap(({ given }) => given) })
  return odd
}

async function oddities(chaos: Chaos, played: readonly Played[]): Promise<readonly string[]> {
  const moves = await chaos.ledger.moves()
  const odd = played.map(async ({ schedule, bound }) => {
    const own = moves.filter(({ repository }) => repository === bound.repositories.internal.name)
    const conflicts = await openConflicts(chaos, bound)
    return oddConflicts(schedule, conflicts, own, chaos.hands).map((text) => `${bound.name}: ${text}`)
  })
  return (await Promise.all(odd)).flat()
}

function playedOf(played: readonly Played[], bound: Bound): Played {
  const found = played.find((one) => one.bound === bound)
  if (found === undefined) throw new Error(`${bound.name} has no schedule`)
  return found
}
