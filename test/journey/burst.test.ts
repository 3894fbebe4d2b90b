import { cp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunOnWire } from '../rig/daemon.ts'
import { allRunsEnded, expectSuccess, headOf, PASSWORDS, pushTo, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import type { ServedRepository } from '../rig/git-http-server.ts'

const BINDINGS = 200
const CONCURRENCY = 6
const HOST_CONCURRENCY = 3

test('a thousand pushes to one branch while it is synced cost one more run', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const push = async (number: number): Promise<readonly number[]> => {
    const commit = await work.commit(`push ${number}`)
    await work.push(app.inner.dir, 'HEAD:refs/heads/main')
    const sent = Array.from({ length: 50 }, () => daemon.deliver(pushTo('gitea', app.inner, 'main', commit)))
    return (await Promise.all(sent)).map(({ status }) => status)
  }

  const hold = journey.inner.hold('info/refs')
  const answers = [...(await push(1))]
  await hold.reached
  for (let number = 2; number <= 20; number += 1) answers.push(...(await push(number)))
  hold.release()
  const runs = await allRunsEnded(daemon)

  expect(answers).toEqual(Array.from({ length: 1000 }, () => 202))
  expect(runs.map(({ status }) => status)).toEqual(['succeeded', 'succeeded'])
  expect(await headOf(app.outer, 'main')).toBe(await work.resolve('HEAD'))
})

test('two hundred bindings pushed to at once all arrive, each alone and no host overrun', async () => {
  await using journey = await startJourney({
    SYNC_CONCURRENCY: String(CONCURRENCY),
    SYNC_HOST_CONCURRENCY: String(HOST_CONCURRENCY),
  })
  const commit = await journey.work.commit('in all of them')
  const pairs = await bindMany(journey, BINDINGS)

  const deliver = (pair: BoundPair) => journey.daemon.deliver(pushTo('gitea', pair.inner, 'main', commit))
  const first = await Promise.all(pairs.map(deliver))
  // Again while many are under way: these must wait for their binding, not run beside.
  const second = await Promise.all(pairs.map(deliver))
  const runs = await allRunsEnded(journey.daemon)

  expect(new Set([...first, ...second].map(({ status }) => status))).toEqual(new Set([202]))
  expect(await Promise.all(pairs.map(({ outer }) => headOf(outer, 'main')))).toEqual(pairs.map(() => commit))
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['succeeded']))
  const runsOf = (name: string) => runs.filter(({ binding }) => binding === name)
  expect(pairs.filter(({ name }) => mostAtOnce(runsOf(name)) !== 1)).toEqual([])
  for (const host of HOSTS) {
    const hosted = new Set(pairs.filter(({ inner }) => inner.url.includes(host)).map(({ name }) => name))
    expect(mostAtOnce(runs.filter(({ binding }) => hosted.has(binding ?? '')))).toBe(HOST_CONCURRENCY)
  }
}, 120_000)

// Two names of this machine, so two hosts to the daemon.
const HOSTS = ['127.0.0.1', 'localhost'] as const

/** Bindings whose internal repositories already hold what `work` has committed; half of them on each host. */
async function bindMany(journey: Journey, count: number): Promise<readonly BoundPair[]> {
  const pattern = await journey.inner.createRepository('team/pattern')
  const empty = await journey.outer.createRepository('team/pattern')
  await journey.work.push(pattern.dir, 'HEAD:refs/heads/main')
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const name = `app${index}`
      const host = HOSTS[index % HOSTS.length] ?? ''
      const pair = {
        name,
        inner: await copyOf(pattern, name, host),
        outer: await copyOf(empty, name, host),
      }
      const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo', {
        repo_name: name,
        enable: true,
        internal_repo_address: pair.inner.url,
        external_repo_address: pair.outer.url,
        inter_token: `${PASSWORDS.inner.username}:${PASSWORDS.inner.password}`,
        exter_token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`,
        sync_granularity: 1,
        sync_direction: 1,
      })
      expectSuccess(body)
      return pair
    }),
  )
}

async function copyOf(pattern: ServedRepository, name: string, host: string): Promise<ServedRepository> {
  const dir = join(dirname(pattern.dir), `${name}.git`)
  await cp(pattern.dir, dir, { recursive: true })
  const url = pattern.url.replace('pattern', name).replace('127.0.0.1', host)
  return { name: `team/${name}`, dir, url }
}

/** How many of these runs were under way at the same moment. */
function mostAtOnce(runs: readonly RunOnWire[]): number {
  const moments = runs.flatMap(({ started_at: start, finished_at: end }) => [
    { at: Date.parse(start ?? ''), change: 1 },
    { at: Date.parse(end ?? ''), change: -1 },
  ])
  let now = 0
  // Of what ends and starts within one millisecond the end came first.
  return moments
    .toSorted((a, b) => a.at - b.at || a.change - b.change)
    .reduce((most, { change }) => Math.max(most, (now += change)), 0)
}
