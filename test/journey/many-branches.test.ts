import { expect, test } from 'vitest'
import type { GitHttpServer } from '../rig/git-http-server.ts'
import { expectSuccess, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { readRefs } from '../rig/repository.ts'

const FEW = 20
const MANY = 2000

test('two thousand branches cost as many requests as twenty, at first and when all of them move', async () => {
  await using journey = await startJourney()
  const few = await journey.bind('few')
  // What the daemon finds out once per server does not count.
  await syncBranches(journey, await journey.bind('first'), 1)
  const many = await journey.bind('many')

  const first = [await syncBranches(journey, few, FEW), await syncBranches(journey, many, MANY)]
  const moved = [await syncBranches(journey, few, FEW), await syncBranches(journey, many, MANY)]
  const still = [await requestsOfSync(journey, few), await requestsOfSync(journey, many)]

  expect(first[1]).toEqual(first[0])
  expect(moved[1]).toEqual(moved[0])
  expect(still[1]).toEqual(still[0])
  for (const { inner, outer } of [few, many]) {
    expect(await readRefs(outer.dir)).toEqual(await readRefs(inner.dir))
  }
  expect((await readRefs(many.outer.dir)).size).toBe(MANY)
}, 120_000)

/** Moves every branch to a new commit, a different one for each tenth, and has the repository synced. */
async function syncBranches(journey: Journey, pair: BoundPair, count: number): Promise<readonly string[]> {
  const commits: string[] = []
  for (let number = 0; number < 10; number += 1) {
    commits.push(await journey.work.commit(`${pair.name} ${crypto.randomUUID()}`))
  }
  const refspecs = Array.from(
    { length: count },
    (_, index) => `${commits[index % 10] ?? 'HEAD'}:refs/heads/b/${index}`,
  )
  await journey.work.push(pair.inner.dir, ...refspecs)
  return requestsOfSync(journey, pair)
}

/** What both servers are asked during a sync of the whole repository. */
async function requestsOfSync(journey: Journey, pair: BoundPair): Promise<readonly string[]> {
  const before = [journey.inner, journey.outer].map(({ requests }) => requests.length)
  const { body } = await journey.daemon.call('POST', `/cerobot/sync/repo/${pair.name}`)
  expectSuccess(body)
  return [journey.inner, journey.outer].flatMap((server, index) => asked(server, before[index] ?? 0))
}

function asked({ requests, origin }: GitHttpServer, since: number): readonly string[] {
  return requests
    .slice(since)
    .map(({ method, path }) => `${method} ${origin}${path.replace(/\/team\/\w+\.git/, '')}`)
}
