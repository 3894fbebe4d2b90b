import Sqlite from 'better-sqlite3'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startKillWorld } from './kill-world.ts'
import { allRunsEnded } from '../rig/journey.ts'
import { leftoversIn, processesIn } from '../rig/leftovers.ts'
import { readRefs } from '../rig/repository.ts'

const KILLS = 25

test('no delivery is lost and no side stays behind when the daemon is killed again and again', async () => {
  await using world = await startKillWorld()
  const pushing = world.startPushing()

  for (let kill = 1; kill < KILLS; kill += 1) await world.killAt(kill)
  await pushing.stop()
  await world.killAt(KILLS)
  const daemon = await world.daemon()
  const runs = await allRunsEnded(daemon)

  const listed = await world.listDeliveryIds()
  await daemon.stop()
  using db = openReadonly(join(world.folder.path, 'data/reposync.db'))
  const stored = new Set(db.query('select forge_delivery_id as id from delivery').map(({ id }) => id))
  expect(world.answered.size).toBeGreaterThan(KILLS)
  expect([...world.answered].filter((id) => !listed.has(id))).toEqual([])
  expect([...world.answered].filter((id) => !stored.has(id))).toEqual([])
  for (const { name, source, target } of world.pairs) {
    expect(await readRefs(target.dir)).toEqual(await readRefs(source.dir))
    expect(runs.find(({ binding }) => binding === name)).toMatchObject({ binding: name, status: 'succeeded' })
  }
  expect(db.query('select max(interrupted) > 0 as hit from run')).toEqual([{ hit: 1 }])
  expect(db.query('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(await processesIn(world.folder.path)).toEqual([])
  expect(await leftoversIn(join(world.folder.path, 'sync'))).toEqual([])
}, 240_000)

function openReadonly(file: string) {
  const db = new Sqlite(file, { readonly: true })
  return {
    query: (text: string) => db.prepare<[], Record<string, unknown>>(text).all(),
    [Symbol.dispose]: () => void db.close(),
  }
}
