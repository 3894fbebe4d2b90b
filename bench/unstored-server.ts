import { systemClock } from '../src/clock.ts'
import { loadConfig } from '../src/config.ts'
import { createForges } from '../src/forge/forges.ts'
import { createHttpApp } from '../src/http.ts'
import { DeliveryId, RunId } from '../src/ids.ts'
import { createLogger } from '../src/log.ts'
import { startServer } from '../src/server.ts'
import { webhookRoutes } from '../src/webhook/route.ts'

// The daemon's webhook endpoint with everything before the store and nothing behind it: what the rest costs.

const config = loadConfig({ env: process.env, cwd: process.cwd() })
const logger = createLogger(config.log.level)
let deliveries = 0

const webhooks = webhookRoutes({
  clock: systemClock,
  logger,
  forgeByName: createForges(config.webhook.generic),
  secretsFor: () => [config.secrets.webhookSecret ?? ''],
  findHook: () => Promise.resolve(undefined),
  allowsAddress: () => true,
  maxBody: config.webhook.maxBodyBytes,
  store: (arrival) =>
    Promise.resolve({
      kind: 'accepted',
      delivery: DeliveryId.parse(++deliveries),
      changes: arrival.parsed.kind === 'changes' ? arrival.parsed.changes : [],
      bindings: ['bound-0'],
      runs: [RunId.parse(1)],
    }),
  recordRejection: () => Promise.resolve(),
  wakeQueue: () => {},
})
const app = createHttpApp({
  log: logger,
  clock: systemClock,
  audit: (_, next) => next(),
  access: (_, next) => next(),
  checkHealth: () => Promise.resolve({ status: 'ok' }),
  mounts: [{ path: '/webhooks', routes: webhooks }],
})
const server = await startServer({ app, clock: systemClock, host: '127.0.0.1', port: 0 })
logger.info({ url: server.url }, 'ready')
