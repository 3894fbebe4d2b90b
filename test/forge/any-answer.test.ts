import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FORGE_NAMES } from '../../src/forge/forge.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'

// Whatever a forge answers, an adapter makes an outcome of it, and asks no more than a bounded number of times.

const WANTED = { url: 'https://sync.example.com/webhooks/x/slug', secret: 'secret' }

const odd = fc.constantFrom<unknown>(null, true, -1, 7, '', '../..', [], [null], {}, { id: 7 })
const moment = fc.constantFrom(
  '2026-01-31 12:00:00',
  '2026-01-31T12:00:00Z',
  'yesterday',
  '0001-01-01T00:00:00Z',
)
// What any of the forges calls a part of a hook or of a delivery, mostly with the kind of value that it has.
const thing = fc.record(
  {
    id: fc.oneof(fc.nat(), fc.uuid(), odd),
    uuid: fc.oneof(fc.uuid(), odd),
    url: fc.oneof(fc.webUrl(), odd),
    config: fc.oneof(fc.record({ url: fc.webUrl() }), odd),
    project: fc.oneof(fc.record({ id: fc.uuid() }), odd),
    publisherInputs: fc.oneof(fc.dictionary(fc.constantFrom('repository', 'branch'), fc.string()), odd),
    consumerInputs: fc.oneof(fc.dictionary(fc.constantFrom('url'), fc.webUrl()), odd),
    events: fc.oneof(fc.array(fc.string()), odd),
    status: fc.oneof(fc.constantFrom<unknown>(0, -1, 404, 'enabled', 'disabledBySystem'), odd),
    type: fc.oneof(fc.constantFrom('gitea', 'web'), odd),
    is_succeed: fc.oneof(fc.constant(false), odd),
    payload_content: fc.oneof(fc.record({ ref_type: fc.string(), sha: fc.string() }), fc.string(), odd),
    request_content: fc.oneof(fc.record({ headers: fc.dictionary(fc.string(), fc.string()) }), odd),
    details: fc.oneof(fc.record({ event: fc.dictionary(fc.string(), fc.string()) }), odd),
    response: fc.oneof(fc.record({ statusCode: fc.integer() }), odd),
    result: fc.oneof(fc.constantFrom('failed', 'succeeded'), odd),
    delivered_at: moment,
    delivered_time: moment,
    createdDate: moment,
    isLastPage: fc.boolean(),
    nextPageStart: fc.integer(),
    next: fc.webUrl({ withQueryParameters: true }),
    total_count: fc.oneof(fc.nat(), odd),
    repo_id: fc.oneof(fc.nat(), odd),
    name: fc.oneof(fc.string(), odd),
    default_branch: fc.oneof(fc.constant('main'), odd),
    defaultBranch: fc.oneof(fc.constantFrom('main', 'refs/heads/main'), odd),
    mainbranch: fc.oneof(fc.record({ name: fc.string() }), odd),
  },
  { requiredKeys: ['id', 'url'] },
)
const things = fc.array(fc.oneof({ weight: 9, arbitrary: thing }, { weight: 1, arbitrary: odd }), {
  maxLength: 4,
})
const answer = fc.oneof(
  things,
  fc.tuple(thing, things).map(([one, list]) => ({
    ...one,
    value: list,
    values: list,
    webhooks: list,
    hooktasks: list,
    tasks: list,
  })),
  odd,
  fc.jsonValue(),
)

const addresses: Partial<Record<ForgeName, string>> = { azure: 'https://dev.azure.com/org/p/_git/r' }
const forges = FORGE_NAMES.filter((forge) => apiOf(forge, () => null) !== undefined)

test.for(forges)('%s: no answer makes a call throw or ask for ever', async (forge) => {
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 4 }), async (answers) => {
      let asked = 0
      const api = apiOf(forge, () => answers[asked++ % answers.length])

      const outcomes = await Promise.all([
        api?.listHooks(),
        api?.createHook(WANTED),
        api?.updateHook('1', WANTED),
        api?.deleteHook('1'),
        api?.testHook?.('1'),
        api?.missedDeliveries?.('1', 0),
        api?.redeliver?.('1', '2'),
        api?.describeRepository?.(),
        api?.setDefaultBranch?.('main'),
      ])

      expect(outcomes.every((outcome) => outcome === undefined || typeof outcome.ok === 'boolean')).toBe(true)
      expect(asked).toBeLessThan(1000)
    }),
    { numRuns: 300 },
  )
})

function apiOf(forge: ForgeName, answerOf: () => unknown) {
  const address = addresses[forge] ?? 'https://git.example.com/o/r.git'
  const headers = new Map([['link', '<https://git.example.com/?page=2>; rel="next"']])
  const request = () =>
    Promise.resolve({ ok: true, value: { status: 200, headers, json: answerOf() } } as const)
  return forgeApi({ request }, { forge, address, apiUrl: undefined, token: 'token' })
}
