import { Hono } from 'hono'
import { createBinding } from '../../src/binding/bindings.ts'
import { setEnabled, updateBinding } from '../../src/binding/update.ts'
import type { NewBinding, PerSide } from '../../src/binding/bindings.ts'
import { createBranch } from '../../src/binding/branches.ts'
import { loadConfig } from '../../src/config.ts'
import { createVault } from '../../src/credential/vault.ts'
import { errorAnswer } from '../../src/api/v1/envelope.ts'
import { deliveryRoutes } from '../../src/api/v1/deliveries.ts'
import { createForges } from '../../src/forge/forges.ts'
import type { Binding, Side } from '../../src/binding/binding.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import { findEndpoint } from '../../src/hook/endpoint.ts'
import { createSlug } from '../../src/hook/hook.ts'
import { insertHook, updateHook } from '../../src/hook/hooks.ts'
import { createLogger } from '../../src/log.ts'
import { toRefusal } from '../../src/refusal.ts'
import { claimRun } from '../../src/run/claim.ts'
import { finishAttempt } from '../../src/run/record.ts'
import { startServer } from '../../src/server.ts'
import { createGroupCommit } from '../../src/webhook/group-commit.ts'
import { enqueueRejections } from '../../src/notify/rejections.ts'
import { storeRejections } from '../../src/webhook/rejections.ts'
import type { Rejection } from '../../src/webhook/rejections.ts'
import { webhookRoutes } from '../../src/webhook/route.ts'
import { storeArrivals } from '../../src/webhook/store.ts'
import type { Arrival } from '../../src/webhook/store.ts'
import type { AttemptEnd } from '../../src/run/run.ts'
import { createTestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'
import type { SentRequest } from '../rig/deliveries.ts'

// The webhook room behind a real server, on a real database; nothing executes the runs it asks for.

export const SECRET = 'a secret of the webhooks'

export async function createWorld(
  options: {
    readonly secrets?: readonly string[]
    readonly refusesAddresses?: boolean
    readonly maxBody?: number
  } = {},
) {
  await using stack = new AsyncDisposableStack()
  const { db } = stack.use(await createTestDatabase())
  const clock = createTestClock()
  const logger = createLogger('silent')
  const vault = createVault(new Uint8Array(32))
  const storeDeps = { db, clock, attemptLimit: 6 }
  let wakes = 0
  const wakeQueue = (): void => void (wakes += 1)
  const record = createGroupCommit(
    (rejections: readonly Rejection[]) => storeRejections({ db, clock, tell: enqueueRejections }, rejections),
    100,
  )
  const app = new Hono()
  app.onError((error, c) => errorAnswer(c, toRefusal(error)))
  app.route(
    '/webhooks',
    webhookRoutes({
      clock,
      logger,
      forgeByName: createForges(loadConfig({ env: { CONFIG_FILE: '/dev/null' }, cwd: '/' }).webhook.generic),
      secretsFor: () => options.secrets ?? [SECRET],
      findHook: (forge, slug) => findEndpoint({ db, clock, vault }, forge, slug),
      allowsAddress: () => options.refusesAddresses !== true,
      maxBody: options.maxBody ?? 1024 * 1024,
      store: createGroupCommit((arrivals: readonly Arrival[]) => storeArrivals(storeDeps, arrivals), 100),
      recordRejection: async (rejection) => void (await record(rejection)),
      wakeQueue,
    }),
  )
  app.route('/api/v1/deliveries', deliveryRoutes({ ...storeDeps, wakeQueue }))
  const server = await startServer({ app, clock, host: '127.0.0.1', port: 0 })
  stack.defer(async () => {
    const closed = server.close(0)
    clock.advance(1)
    await closed
  })
  const bindingDeps = {
    db,
    clock,
    logger,
    vault,
    addressRules: { schemes: ['http', 'https', 'ssh'], allowLocal: false, allowsHost: () => true },
    reconcileIntervalMs: 0,
  } as const
  const owned = stack.move()
  return {
    db,
    clock,
    vault,
    url: server.url,
    wakes: () => wakes,
    bind: (changes: Partial<NewBinding> = {}) =>
      createBinding(bindingDeps, {
        name: 'app',
        enabled: true,
        granularity: 'all',
        direction: 'to_outer',
        addresses: {
          internal: 'https://inner.example/team/app.git',
          external: 'https://outer.example/team/app.git',
        },
        tokens: { internal: undefined, external: undefined },
        ...changes,
      }),
    move: (name: string, addresses: PerSide) =>
      updateBinding(bindingDeps, name, { addresses, tokens: { internal: undefined, external: undefined } }),
    enable: (name: string) => setEnabled(bindingDeps, name, true),
    bindBranch: (internalBranch: string, externalBranch: string, enabled = true) =>
      createBranch(bindingDeps, 'app', { enabled, internalBranch, externalBranch }),
    /** A hook of its own for one side, with that secret, as if it had been registered at the forge. */
    addHook: async (binding: Binding, side: Side, forge: ForgeName, secret: string) => {
      const slug = createSlug()
      const { address } = binding[side]
      const asked = {
        slug,
        forge,
        side,
        address,
        secret,
        bindingId: binding.id,
        apiToken: 'token',
        apiUrl: null,
      }
      const hook = await insertHook({ db, clock, vault }, asked)
      return updateHook({ db, clock, vault }, hook, { forgeHookId: '1' })
    },
    deliver: async (sent: SentRequest, path = '/webhooks') => {
      const response = await fetch(`${server.url}${path}${sent.search}`, sent)
      return { status: response.status, body: (await response.json()) satisfies unknown }
    },
    get: async (path: string): Promise<unknown> => (await fetch(`${server.url}${path}`)).json(),
    post: async (path: string) => {
      const response = await fetch(`${server.url}${path}`, { method: 'POST' })
      return { status: response.status, body: (await response.json()) satisfies unknown }
    },
    /** Ends the run that waits, as if it had been executed. */
    endRun: async (end: AttemptEnd) => {
      const claimed = await claimRun({ db, clock }, [])
      if (claimed === undefined) throw new Error('no run waits')
      await finishAttempt({ db, clock }, claimed.run, end, 'a line\n')
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
