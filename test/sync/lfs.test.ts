import { describe, expect, test } from 'vitest'
import { createLfsWorld } from './lfs-world.ts'
import { results } from './world.ts'

describe('LFS objects', () => {
  test('are at the target when the first sync is over', async () => {
    await using world = await createLfsWorld()
    const { oid } = await world.commitObject('a.bin', 100_000)
    await world.publish('internal', 'main')

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.objects('external')).toEqual([oid])
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })
})
