import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBinding } from '../src/binding/bindings.ts'
import { systemClock } from '../src/clock.ts'
import { createVault, loadSecretKey } from '../src/credential/vault.ts'
import { openDatabase } from '../src/db/database.ts'
import { createLogger } from '../src/log.ts'
import type { HeldDaemon } from './held-forge.ts'
import { SECRET, startHeldDaemon } from './held-forge.ts'
import { sendLoad } from './load.ts'
import type { Sizes } from './sizes.ts'
import { table } from './table.ts'
import type { Memory } from './usage.ts'
import { memoryOf } from './usage.ts'

// (d) What the process holds in memory: alone, with many bindings, and under the load of (c).

export async function measureMemory(sizes: Sizes): Promise<string> {
  const few = await measure(1, sizes, () => Promise.resolve())
  const many = await measure(1, sizes, (dir) => createBindings(dir, sizes.bindings))
  const row = (name: string, idle: Memory, loaded: Memory): readonly string[] => [
    name,
    megabytes(idle.now),
    megabytes(loaded.now),
    megabytes(loaded.peak),
  ]
  return [
    table(
      ['resident memory of the daemon', 'idle', 'after the load', 'peak'],
      [
        row('one binding', few.idle, few.loaded),
        row(`${sizes.bindings + 1} bindings`, many.idle, many.loaded),
      ],
    ),
    '',
    `Idle: ${sizes.settleMs / 1000} s after the start. Load: ${sizes.deliveries} deliveries as in (c), to one of the bindings. ` +
      'The many bindings were written into the database file by the daemon’s own code before it started.',
  ].join('\n')
}

async function measure(
  bindings: number,
  sizes: Sizes,
  prepare: (dir: string) => Promise<void>,
): Promise<{ readonly idle: Memory; readonly loaded: Memory }> {
  await using held = await startHeldDaemon(bindings, prepare)
  await sleep(sizes.settleMs)
  const idle = memoryOf(held.daemon.pid)
  await loadOnce(held, sizes)
  return { idle, loaded: memoryOf(held.daemon.pid) }
}

async function loadOnce({ daemon, repositories }: HeldDaemon, sizes: Sizes): Promise<void> {
  await sendLoad(
    {
      url: `${daemon.url}/webhooks/github`,
      secret: SECRET,
      repositories: [...repositories],
      connections: sizes.connections,
      warmUp: sizes.warmUpDeliveries,
      count: sizes.deliveries,
    },
    202,
  )
}

async function createBindings(dir: string, count: number): Promise<void> {
  const logger = createLogger('warn')
  const db = await openDatabase(join(dir, 'data', 'reposync.db'))
  const key = loadSecretKey(
    { logger, mayMakeKey: true },
    { secretKey: undefined, secretKeyFile: join(dir, 'data', 'secret.key') },
  )
  const deps = {
    db,
    clock: systemClock,
    logger,
    vault: createVault(key),
    addressRules: { schemes: ['https'] as const, allowLocal: false, allowsHost: () => true },
    reconcileIntervalMs: 0,
  }
  for (let number = 0; number < count; number += 1) {
    await createBinding(deps, {
      name: `further-${number}`,
      enabled: true,
      granularity: 'all',
      direction: 'to_outer',
      addresses: {
        internal: `https://git.example.com/team/further-${number}.git`,
        external: `https://github.com/company/further-${number}.git`,
      },
      tokens: { internal: undefined, external: undefined },
    })
  }
  await db.destroy()
}

function megabytes(value: number): string {
  return `${Math.round(value)} MB`
}
