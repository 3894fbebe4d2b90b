import { randomBytes } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { pair } from './comparison.ts'
import { createLfsWorld } from './lfs-world.ts'
import type { LfsWorld } from './lfs-world.ts'
import { results } from './world.ts'

const MEGABYTE = 2 ** 20

test('fifty megabytes pass without being held in memory', async () => {
  await using world = await createLfsWorld()
  const path = join(world.work.dir, 'large.bin')
  for (let part = 0; part < 50; part += 1) await appendFile(path, randomBytes(MEGABYTE))
  await world.work.commit('large', {})
  await world.publish('internal', 'main')

  await whileStalled(world, 'download', 40 * MEGABYTE)
  await whileStalled(world, 'upload', 5 * MEGABYTE)
  const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

  expect(results(outcome)).toEqual({ main: 'created' })
  expect(await world.objects('external')).toEqual(await world.objects('internal'))
})

/** Lets a sync come so far, looks at what it holds in memory meanwhile, and stops it. */
async function whileStalled(
  world: LfsWorld,
  stage: 'download' | 'upload',
  afterBytes: number,
): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const stop = new AbortController()
  world.lfs.fault({ stage, kind: 'stall', afterBytes, times: 1, onReached: reached.resolve })
  const syncing = world.sync({ lfs: true, scope: [pair('main')] }, stop.signal)
  await reached.promise
  await expect.poll(memoryInUse, { timeout: 5000 }).toBeLessThan(15 * MEGABYTE)
  stop.abort()
  await syncing
}

setFlagsFromString('--expose-gc')
const context: { collect?: () => void } = {}
runInNewContext('collect = gc', context)

// Only what is still in use counts, and nobody else says when the rest is cleared away.
function memoryInUse(): number {
  context.collect?.()
  return process.memoryUsage().arrayBuffers
}
