import { expect, test } from 'vitest'
import { checkHealth } from '../src/health.ts'
import { createTestDatabase } from './rig/database.ts'

test('a service with a database and space is well', async () => {
  await using database = await createTestDatabase()

  const health = await checkHealth({
    db: database.db,
    folders: ['/'],
    minimumFreeBytes: 1,
    isStopping: false,
  })

  expect(health).toEqual({ status: 'ok' })
})

test('what does not work is named: a database that cannot be written, a full disk, a stop', async () => {
  await using database = await createTestDatabase()
  await database.db.schema.dropTable('token').execute()

  const health = await checkHealth({
    db: database.db,
    folders: ['/'],
    minimumFreeBytes: Number.MAX_SAFE_INTEGER,
    isStopping: true,
  })

  expect(health).toEqual({ status: 'degraded', problems: ['database', 'disk', 'stopping'] })
})
