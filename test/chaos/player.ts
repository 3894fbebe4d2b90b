import { setTimeout as sleep } from 'node:timers/promises'
import { MINUTE, SECOND } from '../../src/clock.ts'
import { SIDES } from '../../src/binding/binding.ts'
import type { Side } from '../../src/binding/binding.ts'
import type { Sha } from '../../src/git/refs.ts'
import { listBackups } from './oracle.ts'
import { nothingRuns, openConflicts } from './rest.ts'
import { numbersFrom, pick } from './schedule.ts'
import type { Deed, Random, Schedule } from './schedule.ts'
import { IDLE_TIMEOUT } from './world.ts'
import type { Bound, Chaos } from './world.ts'

// Plays schedules: several bindings of one daemon, whose people all do their next deed at the same time.

export type Played = {
  readonly schedule: Schedule
  readonly bound: Bound
  /** Values that a person has brought back from a backup. */
  readonly given: readonly Sha[]
}

type Playing = Played & {
  readonly random: Random
  readonly told: { readonly side: Side; readonly ref: string; readonly after: Sha | null }[]
  readonly given: Sha[]
  commits: number
}

const MAIN = 'refs/heads/main'

/** Plays all deeds of all schedules; what is still under way at the end goes on. */
export async function playSchedules(
  chaos: Chaos,
  schedules: readonly Schedule[],
): Promise<readonly Played[]> {
  const playing: Playing[] = []
  for (const schedule of schedules) {
    const bound = await chaos.bind(`seed-${schedule.seed}`, schedule.options)
    // Something that all of its histories have in common, whatever is rewritten.
    const root = chaos.hands.commit(`root of ${schedule.seed}`)
    const first = chaos.hands.commit(`first of ${schedule.seed}`, [root])
    for (const side of SIDES) await chaos.set(bound, side, MAIN, first)
    const random = numbersFrom(schedule.seed + 1_000_000)
    playing.push({ schedule, bound, random, told: [], given: [], commits: 0 })
  }
  const random = numbersFrom(schedules[0]?.seed ?? 0)
  const rounds = Math.max(...schedules.map(({ deeds }) => deeds.length))
  for (let round = 0; round < rounds; round += 1) {
    const deeds = playing.flatMap((one) =>
      one.schedule.deeds.slice(round, round + 1).map((deed) => ({ one, deed })),
    )
    await Promise.all(deeds.map(({ one, deed }) => perform(chaos, one, deed)))
    const kill = deeds.map(({ deed }) => deed).find((deed) => deed.kind === 'kill')
    if (kill?.kind === 'kill') {
      await sleep(kill.afterMs)
      await chaos.kill()
      await chaos.start()
    }
    const pause = random()
    if (pause < 0.6) await calm(chaos)
    if (pause < 0.2) await chaos.jump(pick(random, [2 * SECOND, 40 * SECOND, 10 * MINUTE]))
  }
  return playing
}

/** Resolves when nothing runs; time passes for what would never end. */
async function calm(chaos: Chaos): Promise<void> {
  const done = new AbortController()
  const passing = (async () => {
    for (;;) {
      await sleep(4 * SECOND, undefined, { signal: done.signal })
      await chaos.jump(IDLE_TIMEOUT + SECOND)
    }
  })().catch(() => {})
  await nothingRuns(chaos)
  done.abort()
  await passing
}

async function perform(chaos: Chaos, one: Playing, deed: Deed): Promise<void> {
  const { bound, random, told, given } = one
  const ask = (path: string, body: object) =>
    chaos.call('POST', `/api/v1/bindings/${bound.name}/${path}`, body)
  switch (deed.kind) {
    case 'push':
    case 'force':
    case 'rewind':
    case 'delete': {
      const after = await work(chaos, one, deed)
      if (after === undefined) return
      told.push({ side: deed.side, ref: deed.ref, after })
      for (let count = 0; count < deed.tellings; count += 1)
        await chaos.tell(bound, deed.side, deed.ref, after)
      return
    }
    case 'fault': {
      const { name: repository } = bound.repositories[deed.side]
      chaos.forges[deed.side].inflict(deed.fault, { at: deed.at, repository, times: deed.times })
      return
    }
    case 'late': {
      if (told.length === 0) return
      const { side, ref, after } = pick(random, told)
      await chaos.tell(bound, side, ref, after)
      return
    }
    case 'resolve': {
      const conflicts = await openConflicts(chaos, bound)
      if (conflicts.length === 0) return
      const { ref } = pick(random, conflicts)
      await ask(`conflicts/${encodeURIComponent(ref)}/resolve`, { take: deed.take })
      return
    }
    case 'restore': {
      const backups = await listBackups(chaos, bound)
      if (backups.length === 0) return
      const { id, sha } = pick(random, backups)
      given.push(sha)
      await ask(`backups/${id}/restore`, {})
      return
    }
    case 'sync':
      await ask('sync', deed.force ? { force: true } : {})
      return
    case 'kill':
  }
}

type Work = Extract<Deed, { readonly side: Side; readonly tellings: number }>

/** What the ref is afterwards; undefined when there was nothing to be done. Whoever comes too late looks again. */
async function work(chaos: Chaos, one: Playing, { kind, side, ref }: Work): Promise<Sha | null | undefined> {
  const { bound } = one
  const { hands } = chaos
  for (;;) {
    const heads = await chaos.heads(bound, side)
    const from = heads.get(ref) ?? null
    const base = from ?? heads.get(MAIN)
    if (base === undefined || (from === null && kind !== 'push')) return undefined
    const [parent] = hands.parents(base)
    one.commits += 1
    const message = `${kind} ${one.commits} of ${one.schedule.seed}`
    const to = {
      push: () => hands.commit(message, [base]),
      force: () => hands.commit(message, [parent ?? base]),
      rewind: () => parent,
      delete: () => null,
    }[kind]()
    if (to === undefined) return undefined
    if (await chaos.replace(bound, side, ref, from, to)) return to
  }
}
