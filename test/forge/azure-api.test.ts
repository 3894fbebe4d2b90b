import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { azure } from '../../src/forge/azure.ts'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ForgeApi } from '../../src/forge/forge-api.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startFakeAzure } from '../rig/fake-forge-azure.ts'
import { SHA_1, SHA_2 } from './request.ts'

// What only Azure DevOps does: subscriptions of a whole organization, that it disables for good.

const TOKEN = 'token-that-nobody-may-see'
const WANTED = { url: 'http://127.0.0.1:9/webhooks/azure/slug', secret: 'secret-of-the-hook' }
const OPTIONS = { token: TOKEN, fullName: 'team/app' }
const START = Date.UTC(2026, 0, 31, 12)
const PUSH = { ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

test.for(['onProbation', 'disabledBySystem', 'disabledByUser', 'disabledByInactiveIdentity'])(
  'a subscription that is %s is inactive, and repairing it makes a new one in its place',
  async (status) => {
    await using fake = await startFakeAzure(OPTIONS)
    const api = apiOf(fake.address)
    const created = await api.createHook({ ...WANTED, secret: 'the old one' })
    const id = created.ok ? created.value.id : ''
    fake.setStatus(id, status)

    const listed = await api.listHooks()
    const repaired = await api.updateHook(id, WANTED)

    const problem = `Azure DevOps says: ${status}`
    expect(listed).toMatchObject({ ok: true, value: [{ id, isActive: false, problem }] })
    const [hook, ...others] = fake.hooks()
    expect(others).toEqual([])
    expect(hook).toMatchObject(WANTED)
    expect(hook?.id).not.toBe(id)
    expect(repaired).toMatchObject({ ok: true, value: { id: hook?.id, isActive: true, problem: null } })
  },
)

test('a subscription that is well is repaired in its place', async () => {
  await using fake = await startFakeAzure(OPTIONS)
  const api = apiOf(fake.address)
  const created = await api.createHook({ ...WANTED, secret: 'the old one' })
  const id = created.ok ? created.value.id : ''

  const repaired = await api.updateHook(id, WANTED)

  expect(repaired).toMatchObject({ ok: true, value: { id } })
  expect(fake.hooks()).toMatchObject([{ id, ...WANTED }])
})

test('a test that the receiver does not take is refused with the words of the forge', async () => {
  await using fake = await startFakeAzure(OPTIONS)
  const api = apiOf(fake.address)
  const created = await api.createHook(WANTED)

  const tested = await api.testHook?.(created.ok ? created.value.id : '')

  const detail = 'the test failed: The remote server did not answer with success.'
  expect(tested).toMatchObject({ ok: false, failure: { kind: 'refused', detail } })
})

describe.each([true, false])('with details in the list: %s', (listsDetails) => {
  test('what was not delivered is in the history, oldest first, and reads as the delivery it was', async () => {
    let now = START
    await using fake = await startFakeAzure({ ...OPTIONS, listsDetails, now: () => now })
    const api = apiOf(fake.address)
    const created = await api.createHook(WANTED)
    const id = created.ok ? created.value.id : ''
    await fake.push({ ...PUSH, ref: 'refs/heads/too-old' })
    now += 60_000
    await fake.push(PUSH)
    now += 60_000
    await fake.push({ ...PUSH, ref: 'refs/tags/v1' })

    const missed = await api.missedDeliveries?.(id, START + 1)

    const deliveries = missed?.ok === true ? missed.value : []
    expect(deliveries.map(({ at }) => at)).toEqual([START + 60_000, START + 120_000])
    for (const [index, ref] of ['refs/heads/main', 'refs/tags/v1'].entries()) {
      const { id: deliveryId, payload, headers = new Map() } = deliveries[index] ?? { id: '', payload: '' }
      const read = azure.parse({
        method: 'POST',
        headers,
        query: new URLSearchParams(),
        body: Buffer.from(payload ?? ''),
      })
      expect(read).toMatchObject({ kind: 'changes', deliveryId, changes: [{ ...PUSH, ref }] })
    }
  })
})

test('a failure repeats the token in no form', async () => {
  const encoded = Buffer.from(`:${TOKEN}`).toString('base64')
  await using fake = await startFakeForge(({ headers }) => ({
    status: 400,
    json: { message: `bad request: ${headers['authorization'] ?? ''} ${TOKEN}` },
  }))
  const api = apiOf(`${fake.origin}/org/project/_git/repo`)

  const listed = await api.listHooks()

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'refused' } })
  expect(JSON.stringify(listed)).not.toContain(encoded)
  expect(JSON.stringify(listed)).not.toContain(TOKEN)
})

function apiOf(address: string): ForgeApi {
  const client = createApiClient({ clock: systemClock, allowAddress: () => true, timeoutMs: 10_000 })
  const api = forgeApi(client, { forge: 'azure', apiUrl: undefined, address, token: TOKEN })
  if (api === undefined) throw new Error('Azure DevOps has no API')
  return api
}
