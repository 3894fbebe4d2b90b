import { expect, test } from 'vitest'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { ForgeApi, MissedDelivery } from '../../src/forge/forge-api.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'
import { MINUTE } from '../../src/clock.ts'
import { createTestClock } from '../rig/clock.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { FakeForge } from '../rig/fake-forge.ts'
import { startFakeGithub } from '../rig/fake-forge-github.ts'
import { startFakeGitlab } from '../rig/fake-forge-gitlab.ts'
import type { FakeHookForge, FakeHookForgeOptions } from '../rig/fake-hooks.ts'

// A receiver that is down for a while, and what the forge remembers of it.

type Variant = {
  readonly name: string
  readonly forge: ForgeName
  readonly start: (options: FakeHookForgeOptions) => Promise<FakeHookForge>
}

const variants: readonly Variant[] = [
  { name: 'GitHub', forge: 'github', start: startFakeGithub },
  {
    name: 'GitLab 18',
    forge: 'gitlab',
    start: (options) => startFakeGitlab({ ...options, version: '18' }),
  },
  {
    name: 'GitLab 17.4',
    forge: 'gitlab',
    start: (options) => startFakeGitlab({ ...options, version: '17.4' }),
  },
]

const TOKEN = 'token'
const SHA = '95790bf891e76fee5e1747ab589903a6a1f80f22'

test.for(variants)('$name: pushes that found nobody are missed, oldest first', async (variant) => {
  await using world = await createWorld(variant)
  await world.push('first')
  world.receiver.failWith({ status: 503 })
  await world.push('second')
  await world.push('third')
  world.receiver.failWith(undefined)
  await world.push('fourth')

  const missed = await world.missed(0)

  expect(missed).toHaveLength(2)
  const [second, third] = missed
  expect(second?.at).toBeLessThan(third?.at ?? 0)
})

test.for(variants)(
  '$name: a missed delivery comes again under its own id, and counts no more',
  async (variant) => {
    await using world = await createWorld(variant)
    world.receiver.failWith({ status: 502 })
    await world.push('lost')
    world.receiver.failWith(undefined)
    const [lost] = await world.missed(0)

    const again = await world.api.redeliver?.(world.hook, lost?.id ?? '')
    const left = await world.missed(0)

    const [first, second, ...others] = world.receiver.requests
    const idOf = (headers: Readonly<Record<string, string>> | undefined) =>
      headers?.['x-github-delivery'] ?? headers?.['idempotency-key']
    expect(again).toEqual({ ok: true, value: null })
    expect(left).toEqual([])
    expect(others).toEqual([])
    expect(second?.body).toBe(first?.body)
    expect(idOf(second?.headers)).toBe(idOf(first?.headers))
  },
)

test.for(variants)('$name: a delivery that fails again is missed once', async (variant) => {
  await using world = await createWorld(variant)
  world.receiver.failWith({ status: 502 })
  await world.push('lost')
  const [lost] = await world.missed(0)
  world.clock.advance(MINUTE)
  await world.api.redeliver?.(world.hook, lost?.id ?? '')

  const left = await world.missed(0)

  expect(left).toEqual([lost])
})

test.for(variants)('$name: what was missed before is not told again', async (variant) => {
  await using world = await createWorld(variant)
  world.receiver.failWith({ status: 502 })
  await world.push('long ago')
  world.clock.advance(60 * MINUTE)
  const since = world.clock.now()
  await world.push('now')

  const missed = await world.missed(since)

  expect(missed).toHaveLength(1)
})

test.for(variants)('$name: many pages are read, and no more than are needed', async (variant) => {
  await using world = await createWorld(variant, { mostPerPage: 2 })
  for (const name of ['a', 'b', 'c', 'd']) await world.push(name)
  world.clock.advance(60 * MINUTE)
  const since = world.clock.now()
  world.receiver.failWith({ status: 502 })
  for (const name of ['e', 'f', 'g']) await world.push(name)
  const before = world.fake.requests.length

  const missed = await world.missed(since)

  expect(missed).toHaveLength(3)
  expect(world.fake.requests.length - before).toBe(2)
})

test('GitHub: a ping that failed is not missed', async () => {
  await using world = await createWorld({ name: 'GitHub', forge: 'github', start: startFakeGithub })
  world.receiver.failWith({ status: 502 })
  await world.api.testHook?.(world.hook)

  const missed = await world.missed(0)

  expect(world.receiver.requests).toHaveLength(1)
  expect(missed).toEqual([])
})

test.for(['17.4', '18'] as const)('GitLab %s: a receiver that is gone is missed too', async (version) => {
  const start = (options: FakeHookForgeOptions) => startFakeGitlab({ ...options, version })
  await using world = await createWorld({ name: 'GitLab', forge: 'gitlab', start })
  await world.receiver[Symbol.asyncDispose]()
  await world.push('lost')

  const missed = await world.missed(world.clock.now() - 10 * MINUTE)

  expect(missed).toHaveLength(1)
})

test('GitLab 17.2: a version without history misses nothing', async () => {
  const start = (options: FakeHookForgeOptions) => startFakeGitlab({ ...options, version: '17.2' })
  await using world = await createWorld({ name: 'GitLab', forge: 'gitlab', start })
  world.receiver.failWith({ status: 502 })
  await world.push('lost')

  const missed = await world.missed(0)

  expect(missed).toEqual([])
})

type World = AsyncDisposable & {
  readonly clock: ReturnType<typeof createTestClock>
  readonly receiver: FakeForge
  readonly fake: FakeHookForge
  readonly api: ForgeApi
  readonly hook: string
  readonly push: (branch: string) => Promise<void>
  readonly missed: (sinceMs: number) => Promise<readonly MissedDelivery[]>
}

async function createWorld(
  { forge, start }: Variant,
  options: Partial<FakeHookForgeOptions> = {},
): Promise<World> {
  await using starting = new AsyncDisposableStack()
  const clock = createTestClock()
  const receiver = await startFakeForge(() => ({ status: 202 }))
  const gone = starting.use(receiver)
  const fake = starting.use(await start({ token: TOKEN, fullName: 'team/app', now: clock.now, ...options }))
  const client = createApiClient({ clock, allowAddress: () => true, timeoutMs: MINUTE })
  const api = forgeApi(client, { forge, apiUrl: undefined, address: fake.address, token: TOKEN })
  if (api === undefined) throw new Error(`${forge} has no API`)
  const created = await api.createHook({ url: `${receiver.origin}/hook`, secret: 'secret' })
  if (!created.ok) throw new Error(created.failure.detail)
  const hook = created.value.id
  const running = starting.move()
  return {
    clock,
    receiver: gone,
    fake,
    api,
    hook,
    push: async (branch) => {
      clock.advance(MINUTE)
      await fake.push({ ref: `refs/heads/${branch}`, before: null, after: SHA })
    },
    missed: async (sinceMs) => {
      const outcome = await api.missedDeliveries?.(hook, sinceMs)
      if (outcome?.ok !== true) throw new Error(outcome?.failure.detail ?? 'no history')
      return outcome.value
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
